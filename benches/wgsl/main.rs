//! A causal layer in WGSL on whatever graphics card wgpu finds, against the layer of the CPU: docs/decisions/any-gpu.md.
//!
//! `cargo bench --bench wgsl`. Weights and inputs are random, as in the bench `model`; the video is smaller.

#[path = "../common/mod.rs"]
#[allow(dead_code, reason = "the benches use all of it")]
mod common;
mod kernels;

use std::collections::HashMap;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bendrack::wan::config::Config;
use bendrack::wan::hooks::Hooks;
use candle_core::Tensor;
use common::{CausalLayer, wan_1_3b};
use eframe::wgpu;
use wgpu::util::DeviceExt;

/// The largest difference that counts as equal.
const TOLERANCE: f32 = 1e-3;
const ROUNDS: usize = 3;
/// Numbers of a workgroup in passes over all numbers. An axis has at most 65,535 workgroups.
const LANES: u32 = 256;

fn main() -> Result<()> {
    let gpu = Gpu::open()?;
    println!("{}", gpu.name);
    let toy = Config { dim: 128, ffn_dim: 512, heads: 4, ..wan_1_3b() };
    for (name, config, grid) in [("toy", toy, (3, 4, 6)), ("width of 1.3B", wan_1_3b(), (3, 10, 18))] {
        let mut layer = CausalLayer::of(&config, grid)?;
        let expected = numbers(&layer.forward(Hooks::NONE)?)?;
        let here = best(|| layer.forward(Hooks::NONE).map(drop).map_err(Into::into))?;
        let mut on_gpu = OnGpu::new(&gpu, &layer, &config)?;
        let found = on_gpu.forward()?;
        let largest = expected.iter().fold(0f32, |most, x| most.max(x.abs()));
        let difference = expected.iter().zip(&found).fold(0f32, |most, (x, y)| most.max((x - y).abs()));
        ensure!(
            difference.is_finite() && difference / largest < TOLERANCE,
            "{name}: differs by {difference} of {largest}"
        );
        let there = best(|| on_gpu.forward().map(drop))?;
        let tokens = grid.0 * grid.1 * grid.2;
        println!(
            "{name}: {tokens} tokens, CPU {here:.3} s, WGSL {there:.3} s; differs by {difference:.1e}, the largest number is {largest:.1}"
        );
    }
    Ok(())
}

/// The shortest of some runs, in seconds.
fn best(mut run: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        run()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}

fn numbers(x: &Tensor) -> Result<Vec<f32>> {
    Ok(x.flatten_all()?.to_vec1()?)
}

/// A device with the compiled operations.
struct Gpu {
    name: String,
    device: wgpu::Device,
    queue: wgpu::Queue,
    pipelines: HashMap<&'static str, wgpu::ComputePipeline>,
}

impl Gpu {
    fn open() -> Result<Self> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let adapter = pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default()))?;
        let limits = wgpu::Limits {
            max_storage_buffer_binding_size: adapter.limits().max_storage_buffer_binding_size,
            max_buffer_size: adapter.limits().max_buffer_size,
            ..wgpu::Limits::default()
        };
        let descriptor = wgpu::DeviceDescriptor { required_limits: limits, ..wgpu::DeviceDescriptor::default() };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))?;
        let info = adapter.get_info();
        let operations = [
            (kernels::LAYER_NORM, 3),
            (kernels::RMS_NORM, 2),
            (kernels::LINEAR, 3),
            (kernels::ROPE, 3),
            (kernels::ATTENTION, 3),
            (kernels::GATED_RESIDUAL, 3),
            (kernels::GELU, 1),
        ];
        let pipelines = operations.into_iter().map(|(code, inputs)| (code, pipeline(&device, code, inputs))).collect();
        Ok(Self { name: format!("{} ({:?})", info.name, info.backend), device, queue, pipelines })
    }

    fn buffer(&self, numbers: &[f32]) -> wgpu::Buffer {
        self.device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
            label: None,
            contents: bytemuck::cast_slice(numbers),
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
        })
    }

    fn upload(&self, x: &Tensor) -> Result<wgpu::Buffer> {
        Ok(self.buffer(&numbers(x)?))
    }

    /// Runs an operation into a new buffer of as many numbers.
    fn run(
        &self,
        code: &'static str,
        p: [u32; 3],
        inputs: &[&wgpu::Buffer],
        length: usize,
        groups: (u32, u32),
    ) -> wgpu::Buffer {
        let y = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: (length * 4) as u64,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let parameters = self.device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
            label: None,
            contents: bytemuck::cast_slice(&[p[0], p[1], p[2], 0]),
            usage: wgpu::BufferUsages::UNIFORM,
        });
        let pipeline = &self.pipelines[code];
        let buffers = [&parameters].into_iter().chain(inputs.iter().copied()).chain([&y]);
        let entries: Vec<_> = (0..)
            .zip(buffers)
            .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            .collect();
        let bound = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, &bound, &[]);
        pass.dispatch_workgroups(groups.0, groups.1, 1);
        drop(pass);
        self.queue.submit([encoder.finish()]);
        y
    }

    /// The numbers of a buffer, after all work.
    fn read(&self, buffer: &wgpu::Buffer) -> Result<Vec<f32>> {
        let copy = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: buffer.size(),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(buffer, 0, &copy, 0, buffer.size());
        self.queue.submit([encoder.finish()]);
        copy.slice(..).map_async(wgpu::MapMode::Read, |_| {});
        self.device.poll(wgpu::PollType::wait_indefinitely())?;
        let bytes = copy.slice(..).get_mapped_range();
        Ok(bytemuck::cast_slice(&bytes).to_vec())
    }
}

/// An operation with some inputs, compiled.
fn pipeline(device: &wgpu::Device, code: &str, inputs: usize) -> wgpu::ComputePipeline {
    let input = |(binding, name)| format!("@group(0) @binding({binding}) var<storage, read> {name}: array<f32>;");
    let inputs: Vec<String> = (1..=inputs).zip(["a", "b", "c"]).map(input).collect();
    let source = format!(
        "@group(0) @binding(0) var<uniform> p: array<vec4<u32>, 1>;\n{}\n@group(0) @binding({}) var<storage, read_write> y: array<f32>;\n{code}",
        inputs.join("\n"),
        inputs.len() + 1
    );
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: None,
        source: wgpu::ShaderSource::Wgsl(source.into()),
    });
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions::default(),
        cache: None,
    })
}

/// The layer's weights and inputs on a device.
struct OnGpu<'a> {
    gpu: &'a Gpu,
    weights: HashMap<String, wgpu::Buffer>,
    /// Shift, scale and gate of self-attention, then of the feed-forward network: a row for each frame.
    modulation: Vec<wgpu::Buffer>,
    ones: wgpu::Buffer,
    x: wgpu::Buffer,
    /// Cosines and sines of the tokens.
    turns: [wgpu::Buffer; 2],
    /// Keys and values of the KV cache; the chunk's own are the last.
    cache: [wgpu::Buffer; 2],
    prompt: [wgpu::Buffer; 2],
    tokens: usize,
    tokens_per_frame: u32,
    keys: u32,
    text_len: u32,
    dim: usize,
    ffn: usize,
    heads: u32,
}

impl<'a> OnGpu<'a> {
    fn new(gpu: &'a Gpu, layer: &CausalLayer, config: &Config) -> Result<Self> {
        let (frames, rows, columns) = layer.grid;
        let weights = layer.weights.iter().map(|(name, x)| Ok((name.clone(), gpu.upload(x)?)));
        let rows_of = layer.weights.iter().find(|(name, _)| name == "modulation").context("a modulation")?;
        let modulation = rows_of.1.unsqueeze(1)?.broadcast_add(&layer.time)?;
        let (k, v) = layer.cache.contents(0)?;
        let angles = angles(layer.first_frame, layer.grid, config.dim / config.heads);
        Ok(Self {
            gpu,
            weights: weights.collect::<Result<_>>()?,
            modulation: (0..6).map(|row| gpu.upload(&modulation.narrow(2, row, 1)?)).collect::<Result<_>>()?,
            ones: gpu.buffer(&vec![1.0; config.dim]),
            x: gpu.upload(&layer.x)?,
            turns: [f64::cos, f64::sin]
                .map(|turn| gpu.buffer(&angles.iter().map(|a| turn(*a) as f32).collect::<Vec<_>>())),
            keys: k.dim(1)? as u32,
            cache: [gpu.upload(&k)?, gpu.upload(&v)?],
            prompt: [gpu.upload(&layer.prompt.k)?, gpu.upload(&layer.prompt.v)?],
            text_len: layer.prompt.k.dim(1)? as u32,
            tokens: frames * rows * columns,
            tokens_per_frame: (rows * columns) as u32,
            dim: config.dim,
            ffn: config.ffn_dim,
            heads: config.heads as u32,
        })
    }

    fn linear(&self, x: &wgpu::Buffer, name: &str, inner: usize, outer: usize) -> wgpu::Buffer {
        let [weight, bias] = ["weight", "bias"].map(|part| &self.weights[&format!("{name}.{part}")]);
        let groups = (outer.div_ceil(64) as u32, self.tokens.div_ceil(64) as u32);
        let p = [self.tokens as u32, outer as u32, inner as u32];
        self.gpu.run(kernels::LINEAR, p, &[x, weight, bias], self.tokens * outer, groups)
    }

    fn layer_norm(&self, x: &wgpu::Buffer, p: [u32; 3], scale: &wgpu::Buffer, shift: &wgpu::Buffer) -> wgpu::Buffer {
        self.gpu.run(kernels::LAYER_NORM, p, &[x, scale, shift], self.tokens * self.dim, (self.tokens as u32, 1))
    }

    /// The projection of this name, normed over the whole width.
    fn normed(&self, x: &wgpu::Buffer, attention: &str, part: &str) -> wgpu::Buffer {
        let y = self.linear(x, &format!("{attention}.{part}"), self.dim, self.dim);
        let weight = &self.weights[&format!("{attention}.norm_{part}.weight")];
        let p = [self.dim as u32, 0, 0];
        self.gpu.run(kernels::RMS_NORM, p, &[&y, weight], self.tokens * self.dim, (self.tokens as u32, 1))
    }

    fn rope(&self, x: &wgpu::Buffer) -> wgpu::Buffer {
        let pairs = self.tokens * self.dim / 2;
        let p = [self.dim as u32, self.dim as u32 / self.heads, pairs as u32];
        let [cos, sin] = &self.turns;
        self.gpu.run(kernels::ROPE, p, &[x, cos, sin], 2 * pairs, ((pairs as u32).div_ceil(LANES), 1))
    }

    fn attention(&self, q: &wgpu::Buffer, [k, v]: &[wgpu::Buffer; 2], keys: u32) -> wgpu::Buffer {
        let p = [keys, self.heads, self.dim as u32 / self.heads];
        self.gpu.run(kernels::ATTENTION, p, &[q, k, v], self.tokens * self.dim, (self.tokens as u32, self.heads))
    }

    /// `x + y · gate`, with a row of the gate for each frame, or for all tokens.
    fn residual(&self, x: &wgpu::Buffer, y: &wgpu::Buffer, gate: &wgpu::Buffer, tokens_per_row: u32) -> wgpu::Buffer {
        let count = (self.tokens * self.dim) as u32;
        let p = [self.dim as u32, tokens_per_row, count];
        self.gpu.run(kernels::GATED_RESIDUAL, p, &[x, y, gate], count as usize, (count.div_ceil(LANES), 1))
    }

    /// Writes the chunk's keys or values to the end of the cache.
    fn store(&self, chunk: &wgpu::Buffer, cache: &wgpu::Buffer) {
        let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(chunk, 0, cache, cache.size() - chunk.size(), chunk.size());
        self.gpu.queue.submit([encoder.finish()]);
    }

    /// The layer, as in `Layer::forward`.
    fn forward(&mut self) -> Result<Vec<f32>> {
        let (frame, all, dim) = (self.tokens_per_frame, self.tokens as u32, self.dim);
        let [shift_sa, scale_sa, gate_sa, shift_ffn, scale_ffn, gate_ffn] = &self.modulation[..] else {
            unreachable!()
        };

        let a = self.layer_norm(&self.x, [dim as u32, frame, 1], scale_sa, shift_sa);
        let q = self.rope(&self.normed(&a, "self_attn", "q"));
        self.store(&self.rope(&self.normed(&a, "self_attn", "k")), &self.cache[0]);
        self.store(&self.linear(&a, "self_attn.v", dim, dim), &self.cache[1]);
        let out = self.linear(&self.attention(&q, &self.cache, self.keys), "self_attn.o", dim, dim);
        let x = self.residual(&self.x, &out, gate_sa, frame);

        let c = self.layer_norm(&x, [dim as u32, all, 0], &self.weights["norm3.weight"], &self.weights["norm3.bias"]);
        let q = self.normed(&c, "cross_attn", "q");
        let out = self.linear(&self.attention(&q, &self.prompt, self.text_len), "cross_attn.o", dim, dim);
        let x = self.residual(&x, &out, &self.ones, all);

        let b = self.layer_norm(&x, [dim as u32, frame, 1], scale_ffn, shift_ffn);
        let hidden = self.linear(&b, "ffn.0", dim, self.ffn);
        let count = (self.tokens * self.ffn) as u32;
        let hidden = self.gpu.run(kernels::GELU, [0, 0, count], &[&hidden], count as usize, (count.div_ceil(LANES), 1));
        let y = self.residual(&x, &self.linear(&hidden, "ffn.2", self.ffn, dim), gate_ffn, frame);
        self.gpu.read(&y)
    }
}

/// The angle of each pair of each token: time, rows, columns. Source: `rope_params` of Wan2.1 `wan/modules/model.py`.
fn angles(first_frame: usize, (frames, rows, columns): (usize, usize, usize), head: usize) -> Vec<f64> {
    let space = 2 * (head / 6);
    let turns = |position: usize, width: usize| {
        (0..width / 2).map(move |j| position as f64 * 10000f64.powf(-2.0 * j as f64 / width as f64))
    };
    let mut angles = Vec::new();
    for frame in first_frame..first_frame + frames {
        for row in 0..rows {
            for column in 0..columns {
                angles.extend(turns(frame, head - 2 * space).chain(turns(row, space)).chain(turns(column, space)));
            }
        }
    }
    angles
}
