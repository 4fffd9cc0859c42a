//! Arithmetic on vectors that the processor has no instruction for, and passes over slices.

use pulp::Simd;

/// Coefficients of `2^r` for r in [-½, ½], from the highest: 8e-8 relative error, evaluated in f32.
const EXP2: [f32; 7] =
    [0.000_153_533_62, 0.001_339_887_5, 0.009_618_437, 0.055_503_324, 0.240_226_48, std::f32::consts::LN_2, 1.0];

/// Adding it to a small f32 rounds that to an integer, which stands in the low bits of the sum.
const ROUND: f32 = 12_582_912.0;

/// `2^x` for x ≤ 127: 0 below 2⁻¹²⁶, so exactly 0 for -∞; a NaN stays one.
#[inline(always)]
pub fn exp2<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let rounded = simd.add_f32s(x, simd.splat_f32s(ROUND));
    let r = simd.sub_f32s(x, simd.sub_f32s(rounded, simd.splat_f32s(ROUND)));
    let mut power = simd.splat_f32s(EXP2[0]);
    for c in &EXP2[1..] {
        power = simd.mul_add_e_f32s(power, r, simd.splat_f32s(*c));
    }
    // The integer's low bits move into the exponent; what else the sum holds is shifted out at the top.
    let exponent = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(rounded), simd.splat_u32s(23));
    let scaled = simd.transmute_f32s_u32s(simd.add_u32s(simd.transmute_u32s_f32s(power), exponent));
    let vanishes = simd.less_than_f32s(x, simd.splat_f32s(-126.0));
    simd.select_f32s(vanishes, simd.splat_f32s(0.0), scaled)
}

/// `1 / (1 + exp(-x))`.
#[inline(always)]
pub fn sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    let minus_x = simd.mul_f32s(x, simd.splat_f32s(-std::f32::consts::LOG2_E));
    // Beyond 2¹²⁶ the sigmoid is 0 for any use, and `exp2` out of its range. Unlike a minimum, this lets a NaN through.
    let most = simd.splat_f32s(126.0);
    let power = exp2(simd, simd.select_f32s(simd.less_than_f32s(most, minus_x), most, minus_x));
    simd.div_f32s(one, simd.add_f32s(one, power))
}

/// `y[i] = f(x[i])`, a vector at a time; f also gets zeros past the end.
#[inline(always)]
pub fn map<S: Simd>(simd: S, x: &[f32], y: &mut [f32], f: impl Fn(S::f32s) -> S::f32s) {
    let (x, x_tail) = S::as_simd_f32s(x);
    let (y, y_tail) = S::as_mut_simd_f32s(y);
    for (y, x) in y.iter_mut().zip(x) {
        *y = f(*x);
    }
    if !y_tail.is_empty() {
        simd.partial_store_f32s(y_tail, f(simd.partial_load_f32s(x_tail)));
    }
}

/// `z[i] = f(x[i], y[i])`, a vector at a time; f also gets zeros past the end.
#[inline(always)]
pub fn map2<S: Simd>(simd: S, x: &[f32], y: &[f32], z: &mut [f32], f: impl Fn(S::f32s, S::f32s) -> S::f32s) {
    let (x, x_tail) = S::as_simd_f32s(x);
    let (y, y_tail) = S::as_simd_f32s(y);
    let (z, z_tail) = S::as_mut_simd_f32s(z);
    for ((z, x), y) in z.iter_mut().zip(x).zip(y) {
        *z = f(*x, *y);
    }
    if !z_tail.is_empty() {
        simd.partial_store_f32s(z_tail, f(simd.partial_load_f32s(x_tail), simd.partial_load_f32s(y_tail)));
    }
}

/// `w[i] = f(x[i], y[i], z[i])`, a vector at a time; f also gets zeros past the end.
#[inline(always)]
pub fn map3<S: Simd>(simd: S, [x, y, z]: [&[f32]; 3], w: &mut [f32], f: impl Fn(S::f32s, S::f32s, S::f32s) -> S::f32s) {
    let (x, x_tail) = S::as_simd_f32s(x);
    let (y, y_tail) = S::as_simd_f32s(y);
    let (z, z_tail) = S::as_simd_f32s(z);
    let (w, w_tail) = S::as_mut_simd_f32s(w);
    for (((w, x), y), z) in w.iter_mut().zip(x).zip(y).zip(z) {
        *w = f(*x, *y, *z);
    }
    if !w_tail.is_empty() {
        let [x, y, z] = [x_tail, y_tail, z_tail].map(|tail| simd.partial_load_f32s(tail));
        simd.partial_store_f32s(w_tail, f(x, y, z));
    }
}

/// `Σ f(x[i])`, where f(0) must be 0. Four running sums per lane: an error of a few units in the last place.
#[inline(always)]
pub fn sum<S: Simd>(simd: S, x: &[f32], f: impl Fn(S::f32s) -> S::f32s) -> f32 {
    let (x, tail) = S::as_simd_f32s(x);
    let mut sums = [simd.splat_f32s(0.0); 4];
    let (fours, rest) = x.as_chunks::<4>();
    for four in fours {
        for (sum, x) in sums.iter_mut().zip(four) {
            *sum = simd.add_f32s(*sum, f(*x));
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *sum = simd.add_f32s(*sum, f(*x));
    }
    if !tail.is_empty() {
        sums[3] = simd.add_f32s(sums[3], f(simd.partial_load_f32s(tail)));
    }
    let [a, b, c, d] = sums;
    simd.reduce_sum_f32s(simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d)))
}
