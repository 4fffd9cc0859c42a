// A touch pad, a bare wire, a knob and an LED strip or matrix for bendrack.
//
// Sensors: "touch", "wire" and "knob", 0 to 1, for the node serial.in.
// Lines to the board: "led 0.5" (brightness of all), "led 8 8 00ff…" (a picture), from the node serial.out.
// For the classic ESP32, S2 and S3. Other boards lack touchRead: remove its lines.

#include "bendrack.h"

const char *NAME = "esp32";  // the name of the board in bendrack; give each board its own
const int TOUCH_PIN = 4;     // a piece of foil, or a metal object
const int WIRE_PIN = 2;      // a bare wire of 20 cm: it feels a hand before the touch
const int KNOB_PIN = 34;     // a potentiometer between 3.3 V and ground; 34 on the classic ESP32, 5 on S2 and S3
const int LED_PIN = 13;      // data of WS2812 LEDs ("NeoPixel")
const int LEDS = 64;         // 64: a matrix of 8 by 8
const int BRIGHTEST = 40;    // of 255; more needs its own power supply
const int RATE_HZ = 50;      // readings per second
const float SMOOTH = 0.3;    // 1: no smoothing; lower: slower and smoother

bendrack::Writer<decltype(Serial)> out(Serial);
bendrack::Reader<> reader;
bendrack::Line line;

// A pin for touch, with its untouched reading.
struct Pad {
  int pin;
  float gain;  // a wire in the air needs more than foil
  float untouched, value;

  void begin() {
    for (int i = 0; i < 50; i++) untouched += touchRead(pin) / 50.0f;
  }
  float read() {
    // A touch lowers the reading of the classic ESP32 and raises that of S2 and S3: use the distance.
    float away = gain * fabsf(touchRead(pin) - untouched) / untouched;
    value += SMOOTH * (fminf(away, 1.0f) - value);
    // Warmth and damp move the untouched reading slowly.
    if (away < 0.1f) untouched += 0.001f * (touchRead(pin) - untouched);
    return value;
  }
};

Pad touch_pad = {TOUCH_PIN, 1.0f, 0, 0};
Pad wire = {WIRE_PIN, 8.0f, 0, 0};
float knob;
uint32_t next_reading;

void setup() {
  Serial.setRxBufferSize(2048);
  Serial.begin(115200);
  analogReadResolution(12);
  // Keep hands off while the board starts.
  touch_pad.begin();
  wire.begin();
  out.hello(NAME);
}

// The LED core of the Arduino package for ESP32 sends one LED at a time: a strip needs all in one go.
void show(const uint8_t *grb, size_t size) {
  static rmt_data_t bits[LEDS * 24];
  size_t at = 0;
  for (size_t i = 0; i < size; i++)
    for (int bit = 7; bit >= 0; bit--) {
      bool on = grb[i] >> bit & 1;
      bits[at++] = {{(uint32_t)(on ? 8 : 4), 1, (uint32_t)(on ? 4 : 8), 0}};
    }
  static bool ready = rmtInit(LED_PIN, RMT_TX_MODE, RMT_MEM_NUM_BLOCKS_1, 10000000);
  if (ready) rmtWrite(LED_PIN, bits, at, RMT_WAIT_FOR_EVER);
}

void light(const bendrack::Line &line) {
  uint8_t grb[LEDS * 3] = {};
  size_t cells = line.columns() * line.rows();
  bool is_colour = cells > 0 && line.cell_count() == 3 * cells;
  for (int i = 0; i < LEDS; i++)
    for (int colour = 0; colour < 3; colour++) {
      float level = 0;
      if (line.cells && is_colour) level = line.cell(3 * i + colour) / 255.0f;
      else if (line.cells) level = line.cell(i) / 255.0f;
      else if (line.count > 0) level = fminf(fmaxf(line.numbers[line.count < 3 ? 0 : colour], 0), 1);
      const int order[3] = {1, 0, 2};  // WS2812 want green first
      grb[3 * i + order[colour]] = (uint8_t)(level * BRIGHTEST);
    }
  show(grb, sizeof grb);
}

void loop() {
  while (Serial.available()) {
    if (!reader.take((char)Serial.read(), line)) continue;
    if (line.asks()) out.hello(NAME);
    else if (strcmp(line.name, "led") == 0) light(line);
  }
  if ((int32_t)(millis() - next_reading) < 0) return;
  next_reading = millis() + 1000 / RATE_HZ;
  knob += SMOOTH * (analogRead(KNOB_PIN) / 4095.0f - knob);
  out.line("touch", touch_pad.read());
  out.line("wire", wire.read());
  out.line("knob", knob);
}
