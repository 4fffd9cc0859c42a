// The protocol between a board and bendrack, in plain C++11: no Arduino, no heap.
//
// docs/devices.md describes the lines and frames. A board answers "?" with its greeting, and sends something every second.

#ifndef BENDRACK_H
#define BENDRACK_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace bendrack {

// CRC-16/IBM-3740 (CCITT-FALSE): polynomial 0x1021, start 0xFFFF.
inline uint16_t crc16(const uint8_t *bytes, size_t size) {
  uint16_t crc = 0xFFFF;
  for (size_t i = 0; i < size; i++) {
    crc ^= (uint16_t)(bytes[i] << 8);
    for (int bit = 0; bit < 8; bit++) crc = (crc & 0x8000) ? (uint16_t)((crc << 1) ^ 0x1021) : (uint16_t)(crc << 1);
  }
  return crc;
}

// COBS: removes the zeros from bytes. `out` needs size + size / 254 + 1 bytes. Returns the size of the result.
inline size_t cobs(const uint8_t *bytes, size_t size, uint8_t *out) {
  size_t code = 0, at = 1;
  uint8_t count = 1;
  for (size_t i = 0; i < size; i++) {
    if (bytes[i] != 0) {
      out[at++] = bytes[i];
      count++;
    }
    if (bytes[i] == 0 || (count == 0xFF && i + 1 < size)) {
      out[code] = count;
      code = at++;
      count = 1;
    }
  }
  out[code] = count;
  return at;
}

// Writes to bendrack. `Port` has a function write(const uint8_t *, size_t), as Serial and WiFiUDP have.
template <typename Port>
class Writer {
 public:
  explicit Writer(Port &port) : port(port) {}

  // The greeting as a line. The name becomes the name of the device.
  void hello(const char *name) {
    char line[96];
    int size = snprintf(line, sizeof line, "bendrack 1 %.64s\n", name);
    if (size > 0) port.write((const uint8_t *)line, (size_t)size);
  }

  // Numbers of a sensor as a line.
  void line(const char *name, const float *numbers, size_t count) {
    char line[256];
    size_t size = (size_t)snprintf(line, sizeof line, "%.64s", name);
    for (size_t i = 0; i < count && size + 16 < sizeof line; i++) {
      int more = snprintf(line + size, sizeof line - size, " %.4g", (double)numbers[i]);
      if (more < 0 || (size_t)more >= sizeof line - size) return;
      size += (size_t)more;
    }
    line[size++] = '\n';
    port.write((const uint8_t *)line, size);
  }

  void line(const char *name, float number) { line(name, &number, 1); }

  // The greeting as a frame, with the names of the sensors that frames of readings use.
  void hello(const char *name, const char *const *sensors, size_t count) {
    begin(1);
    text("bendrack 1 ");
    text(name);
    for (size_t i = 0; i < count; i++) {
      text("\n");
      text(sensors[i]);
    }
    end();
  }

  // All numbers as a frame of readings, in the order of the names. At most 40.
  void frame(const float *numbers, size_t count) {
    begin(2);
    for (size_t i = 0; i < count && i < 40; i++) {
      uint8_t bytes[4];
      memcpy(bytes, &numbers[i], 4);  // little-endian, as ESP32, AVR, RP2040 and PCs are
      add((uint8_t)i);
      for (int j = 0; j < 4; j++) add(bytes[j]);
    }
    end();
  }

 private:
  Port &port;
  uint8_t bytes[256];
  size_t size = 0;

  void add(uint8_t byte) {
    if (size < sizeof bytes - 2) bytes[size++] = byte;
  }
  void text(const char *text) {
    for (; *text; text++) add((uint8_t)*text);
  }
  void begin(uint8_t type) {
    size = 0;
    add(type);
  }
  void end() {
    uint16_t crc = crc16(bytes, size);
    bytes[size++] = (uint8_t)(crc & 0xFF);
    bytes[size++] = (uint8_t)(crc >> 8);
    uint8_t out[sizeof bytes + 4];
    out[0] = 0;
    size_t stuffed = 1 + cobs(bytes, size, out + 1);
    out[stuffed++] = 0;
    port.write(out, stuffed);
  }
};

// A line of bendrack: a name and numbers, or a name, columns, rows and a picture.
struct Line {
  const char *name = "";
  float numbers[16];
  size_t count = 0;
  // Two hexadecimal digits for each number of the picture; null without one.
  const char *cells = nullptr;

  // True for a question for the greeting.
  bool asks() const { return strcmp(name, "?") == 0; }

  size_t columns() const { return cells ? (size_t)numbers[0] : 0; }
  size_t rows() const { return cells ? (size_t)numbers[1] : 0; }
  size_t cell_count() const { return cells ? strlen(cells) / 2 : 0; }
  // A number of the picture, 0 to 255.
  uint8_t cell(size_t index) const {
    if (index >= cell_count()) return 0;
    return (uint8_t)(digit(cells[2 * index]) << 4 | digit(cells[2 * index + 1]));
  }

 private:
  static uint8_t digit(char c) {
    if (c >= '0' && c <= '9') return (uint8_t)(c - '0');
    if (c >= 'a' && c <= 'f') return (uint8_t)(c - 'a' + 10);
    return 0;
  }
};

// Reads the lines of bendrack. 1700 bytes hold a picture of 256 cells in colour.
template <size_t SIZE = 1700>
class Reader {
 public:
  // Takes a byte. True if it ends a line; `line` is then valid until the next call.
  bool take(char byte, Line &line) {
    if (byte != '\n' && byte != '\r') {
      if (size < SIZE - 1) text[size++] = byte;
      else overflowed = true;
      return false;
    }
    text[size] = 0;
    bool is_line = size > 0 && !overflowed;
    size = 0;
    overflowed = false;
    if (is_line) parse(line);
    return is_line;
  }

 private:
  char text[SIZE];
  size_t size = 0;
  bool overflowed = false;

  void parse(Line &line) {
    line = Line();
    line.name = text;
    char *at = strchr(text, ' ');
    while (at) {
      *at++ = 0;
      char *next = strchr(at, ' ');
      size_t length = next ? (size_t)(next - at) : strlen(at);
      // A third word of two columns and rows is a picture if it has as many digits.
      if (line.count == 2 && !next && length >= 2 && is_picture(line, length)) {
        line.cells = at;
        return;
      }
      if (line.count < 16) line.numbers[line.count++] = (float)strtod(at, nullptr);
      at = next;
    }
  }

  static bool is_picture(const Line &line, size_t length) {
    float cells = line.numbers[0] * line.numbers[1];
    return cells >= 1 && cells <= 256 && ((float)length == 2 * cells || (float)length == 6 * cells);
  }
};

}  // namespace bendrack

#endif
