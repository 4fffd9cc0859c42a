// A board in a terminal: the protocol of bendrack.h without a board, on standard input and output.
//
//   c++ -std=c++11 -o board board.cpp
//   socat pty,raw,echo=0,link=board.tty exec:./board
//   bendrack patch.bend.json --serial board.tty
//
// It answers the question for its greeting, and each line with its numbers as a line and as a frame. On a picture, it sends the
// count, the first and the last of its cells.

#include <unistd.h>

#include "bendrack.h"

struct Output {
  size_t write(const uint8_t *bytes, size_t size) {
    size_t done = 0;
    while (done < size) {
      ssize_t more = ::write(1, bytes + done, size - done);
      if (more <= 0) exit(1);
      done += (size_t)more;
    }
    return done;
  }
};

int main() {
  Output output;
  bendrack::Writer<Output> out(output);
  bendrack::Reader<> reader;
  bendrack::Line line;
  const char *const sensors[] = {"framed", "framed", "zero"};
  char bytes[256];
  ssize_t size;
  while ((size = read(0, bytes, sizeof bytes)) > 0) {
    for (ssize_t i = 0; i < size; i++) {
      if (!reader.take(bytes[i], line)) continue;
      if (line.asks()) {
        out.hello("terminal", sensors, 3);
      } else if (line.cells) {
        size_t count = line.cell_count();
        float cells[] = {(float)line.columns(), (float)line.rows(), (float)count, (float)line.cell(0), (float)line.cell(count - 1)};
        out.line("cells", cells, 5);
      } else {
        out.line(line.name, line.numbers, line.count);
        float framed[] = {line.count > 0 ? line.numbers[0] : 0, line.count > 1 ? line.numbers[1] : 0, 0};
        out.frame(framed, 3);
      }
    }
  }
}
