# Sourced by ./run and ./teach: a Python with what training needs, and how it is called.
if [ ! -x "$here/venv/bin/python" ]; then
    python3 -m venv "$here/venv"
    "$here/venv/bin/pip" install --quiet -r "$here/requirements.txt"
fi
cd "$here"
py() { OMP_WAIT_POLICY=passive nice -n 10 "$here/venv/bin/python" "$@"; }
# bfloat16 is faster only where the processor computes with it.
bf16=
if grep -qs avx512_bf16 /proc/cpuinfo || command -v nvidia-smi >/dev/null; then bf16=--bf16; fi
