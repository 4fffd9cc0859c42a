// A touch pad and a knob for bendrack: one line per reading, "touch 0.123".
//
// In a patch, an ESP32 node named "touch" or "knob" gives these numbers, 0 to 1.
// For the classic ESP32, S2 and S3, which can sense touch; other boards lack touchRead: leave its lines out.

const int TOUCH_PIN = 4;   // a wire or a piece of foil
const int KNOB_PIN = 34;   // a potentiometer between 3.3 V and ground; 34 on the classic ESP32, 5 on S2 and S3
const int RATE_HZ = 50;    // readings a second
const float SMOOTH = 0.3;  // 1: every reading counts by itself; less: slower and calmer

float untouched, touch, knob;

void setup() {
  Serial.begin(115200);
  analogReadResolution(12);
  // What the pad reads when nobody touches it: do not touch it while the board starts.
  for (int i = 0; i < 50; i++) untouched += touchRead(TOUCH_PIN) / 50.0f;
}

void loop() {
  // The classic ESP32 reads less when it is touched, S2 and S3 more: either way it is the distance that counts.
  float away = fabsf(touchRead(TOUCH_PIN) - untouched) / untouched;
  touch += SMOOTH * (fminf(away, 1.0f) - touch);
  knob += SMOOTH * (analogRead(KNOB_PIN) / 4095.0f - knob);

  Serial.printf("touch %.3f\nknob %.3f\n", touch, knob);
  delay(1000 / RATE_HZ);
}
