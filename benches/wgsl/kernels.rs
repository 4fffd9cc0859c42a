//! The operations of a layer in WGSL. Each has its parameters `p`, its inputs `a`, `b`, `c`, and its output `y`.

/// `layer_norm(a) · (p.z + b) + c`: a row of b and c for each p.y tokens; p.x is the width.
pub const LAYER_NORM: &str = "
var<workgroup> sums: array<vec2<f32>, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let dim = p[0].x;
    let start = group.x * dim;
    let row = group.x / p[0].y * dim;
    var sum = vec2<f32>(0.0);
    for (var i = lane; i < dim; i += 256u) { sum += vec2<f32>(a[start + i], a[start + i] * a[start + i]); }
    sums[lane] = sum;
    for (var half = 128u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half { sums[lane] += sums[lane + half]; }
    }
    workgroupBarrier();
    let mean = sums[0].x / f32(dim);
    let scale = inverseSqrt(sums[0].y / f32(dim) - mean * mean + 1e-6);
    for (var i = lane; i < dim; i += 256u) {
        y[start + i] = (a[start + i] - mean) * scale * (f32(p[0].z) + b[row + i]) + c[row + i];
    }
}";

/// `a · rsqrt(mean(a²) + eps) · b` over rows of width p.x.
pub const RMS_NORM: &str = "
var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let dim = p[0].x;
    let start = group.x * dim;
    var sum = 0.0;
    for (var i = lane; i < dim; i += 256u) { sum += a[start + i] * a[start + i]; }
    sums[lane] = sum;
    for (var half = 128u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half { sums[lane] += sums[lane + half]; }
    }
    workgroupBarrier();
    let scale = inverseSqrt(sums[0] / f32(dim) + 1e-6);
    for (var i = lane; i < dim; i += 256u) { y[start + i] = a[start + i] * scale * b[i]; }
}";

/// `a bᵀ + c`: a `[p.x, p.z]`, b `[p.y, p.z]`, c `[p.y]`. A workgroup has a tile of 64 × 64, a thread 4 × 4 of it.
pub const LINEAR: &str = "
var<workgroup> rows: array<f32, 1024>;
var<workgroup> columns: array<f32, 1024>;

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) at: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let m = p[0].x;
    let n = p[0].y;
    let k = p[0].z;
    let first_row = group.y * 64u;
    let first_column = group.x * 64u;
    var sums: array<vec4<f32>, 4>;
    for (var start = 0u; start < k; start += 16u) {
        for (var i = lane; i < 1024u; i += 256u) {
            let inner = start + i % 16u;
            let row = first_row + i / 16u;
            let column = first_column + i / 16u;
            rows[i] = select(0.0, a[row * k + inner], row < m && inner < k);
            columns[i] = select(0.0, b[column * k + inner], column < n && inner < k);
        }
        workgroupBarrier();
        for (var i = 0u; i < 16u; i += 1u) {
            let x = at.x * 64u + i;
            let weights = vec4<f32>(columns[x], columns[x + 16u], columns[x + 32u], columns[x + 48u]);
            for (var r = 0u; r < 4u; r += 1u) { sums[r] += rows[(at.y * 4u + r) * 16u + i] * weights; }
        }
        workgroupBarrier();
    }
    for (var r = 0u; r < 4u; r += 1u) {
        for (var s = 0u; s < 4u; s += 1u) {
            let row = first_row + at.y * 4u + r;
            let column = first_column + at.x * 4u + s;
            if row < m && column < n { y[row * n + column] = sums[r][s] + c[column]; }
        }
    }
}";

/// Pairs of a, turned by cosines b and sines c `[tokens, p.y / 2]`: heads of width p.y in rows of width p.x; p.z pairs.
pub const ROPE: &str = "
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= p[0].z { return; }
    let token = id.x / (p[0].x / 2u);
    let turn = token * (p[0].y / 2u) + id.x % (p[0].y / 2u);
    let first = a[2u * id.x];
    let second = a[2u * id.x + 1u];
    y[2u * id.x] = first * b[turn] - second * c[turn];
    y[2u * id.x + 1u] = first * c[turn] + second * b[turn];
}";

/// `softmax(a bᵀ / √head) c` of each head, with a running maximum: queries a, p.x keys b and values c, p.y heads of width p.z ≤ 128. A workgroup has
/// one query of one head; no map is stored.
pub const ATTENTION: &str = "
var<workgroup> query: array<f32, 128>;
var<workgroup> weights: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let keys = p[0].x;
    let heads = p[0].y;
    let head = p[0].z;
    let start = (group.x * heads + group.y) * head;
    for (var i = lane; i < head; i += 64u) { query[i] = a[start + i] * inverseSqrt(f32(head)); }
    var most = -3.0e38;
    var mass = 0.0;
    var sum = vec2<f32>(0.0);
    for (var first = 0u; first < keys; first += 64u) {
        workgroupBarrier();
        let key = first + lane;
        var logit = -3.0e38;
        if key < keys {
            logit = 0.0;
            let at = (key * heads + group.y) * head;
            for (var i = 0u; i < head; i += 1u) { logit += query[i] * b[at + i]; }
        }
        weights[lane] = logit;
        workgroupBarrier();
        var peak = most;
        for (var i = 0u; i < 64u; i += 1u) { peak = max(peak, weights[i]); }
        let fade = exp(most - peak);
        most = peak;
        mass *= fade;
        sum *= fade;
        for (var i = 0u; i < min(64u, keys - first); i += 1u) {
            let weight = exp(weights[i] - peak);
            let at = ((first + i) * heads + group.y) * head;
            mass += weight;
            if lane < head { sum.x += weight * c[at + lane]; }
            if lane + 64u < head { sum.y += weight * c[at + lane + 64u]; }
        }
    }
    if lane < head { y[start + lane] = sum.x / mass; }
    if lane + 64u < head { y[start + lane + 64u] = sum.y / mass; }
}";

/// `a + b · c`: a row of c, of width p.x, for each p.y tokens; p.z numbers.
pub const GATED_RESIDUAL: &str = "
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= p[0].z { return; }
    y[id.x] = a[id.x] + b[id.x] * c[id.x / p[0].x / p[0].y * p[0].x + id.x % p[0].x];
}";

/// GELU in its tanh approximation: p.z numbers.
pub const GELU: &str = "
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= p[0].z { return; }
    let x = a[id.x];
    let inner = clamp(0.7978845608 * (x + 0.044715 * x * x * x), -15.0, 15.0);
    y[id.x] = 0.5 * x * (1.0 + tanh(inner));
}";
