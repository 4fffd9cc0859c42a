// A touch pad and a knob for bendrack: one line per reading, "touch 0.123".
//
// In a patch, an ESP32 node with the name "touch" or "knob" outputs these numbers, 0 to 1.
// For the classic ESP32, S2 and S3. Other boards lack touchRead: remove its lines.

const int TOUCH_PIN = 4;   // a wire or a piece of foil
const int KNOB_PIN = 34;   // a potentiometer between 3.3 V and ground; 34 on the classic ESP32, 5 on S2 and S3
const int RATE_HZ = 50;    // readings per second
const float SMOOTH = 0.3;  // 1: no smoothing; lower: slower and smoother

float untouched, touch, knob;

void setup() {
  Serial.begin(115200);
  analogReadResolution(12);
  // Baseline of the untouched pad: keep hands off while the board starts.
  for (int i = 0; i < 50; i++) untouched += touchRead(TOUCH_PIN) / 50.0f;
}

void loop() {
  // A touch lowers the reading of the classic ESP32 and raises that of S2 and S3: use the distance.
  float away = fabsf(touchRead(TOUCH_PIN) - untouched) / untouched;
  touch += SMOOTH * (fminf(away, 1.0f) - touch);
  knob += SMOOTH * (analogRead(KNOB_PIN) / 4095.0f - knob);

  Serial.printf("touch %.3f\nknob %.3f\n", touch, knob);
  delay(1000 / RATE_HZ);
}
