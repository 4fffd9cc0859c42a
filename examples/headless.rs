//! Generates a video without a window and writes its frames as PNG.
//!
//! Without `--model` it runs the included small model.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use bendrack::engine::model::{LATENT_FRAMES as FRAMES, LATENT_PIXELS as PIXELS, device};
use bendrack::wan::checkpoint::Checkpoint;
use bendrack::wan::clip::Clips;
use bendrack::wan::decode::DecoderStream;
use bendrack::wan::family::Family;
use bendrack::wan::hooks::Hooks;
use bendrack::wan::parts::{Choice, Lora, Part};
use bendrack::wan::rollout::Rollout;
use bendrack::wan::scheduler::{UniPc, UniPcSchedule};
use bendrack::wan::streaming::Refresh;
use bendrack::wan::text::{NEGATIVE_PROMPT, TextEncoder};
use candle_core::{DType, Tensor};

const HELP: &str = "\
Generates a video with a Wan model and writes its frames as PNG.

  cargo run --release --example headless -- [OPTIONS]

  --model FOLDER    a Wan transformer, a UMT5 encoder with its tokenizer.json, and a VAE or TAEHV, in any layout
                    [assets/mini, the included small model]
  --transformer F   the transformer's file, if it is outside the folder or one of several
  --lora FILE       a LoRA to merge into it
  --family NAME     wan, self-forcing, longlive, longlive-infinite, causvid, krea or mini [from the file names]
  --prompt TEXT     [a red rocket moving up over the night sky]
  --negative TEXT   negative prompt, for the family wan [Wan's own]
  --guidance SCALE  guidance scale, for the family wan [5]
  --steps N         denoising steps, for the family wan [50]
  --shift S         timestep shift, for the family wan: 3 for small pictures, 5, or up to 12 for the 1.3B model [5]
  --frames N        frames of the video, ideally 1 more than a multiple of 4 [33]
  --size WxH        in pixels, multiples of 16 [832x480, or 128x128 for the small model]
  --seed N          [0]
  --fast            decode with TAEHV instead of the VAE if the folder has both
  --dtype NAME      f32, f16 or bf16 [f32 on a CPU, bf16 on a GPU]
  --out FOLDER      folder of the frames, 00000.png and so on [frames]
  --help
";

struct Options {
    model: Option<PathBuf>,
    transformer: Option<PathBuf>,
    lora: Option<PathBuf>,
    family: Option<Family>,
    prompt: String,
    negative: String,
    guidance: f64,
    steps: usize,
    shift: f64,
    frames: usize,
    size: Option<(usize, usize)>,
    seed: u64,
    fast: bool,
    dtype: Option<DType>,
    out: PathBuf,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Option<Self>> {
        let mut options = Self {
            model: None,
            transformer: None,
            lora: None,
            family: None,
            prompt: "a red rocket moving up over the night sky".to_owned(),
            negative: NEGATIVE_PROMPT.to_owned(),
            guidance: 5.0,
            steps: 50,
            shift: 5.0,
            frames: 33,
            size: None,
            seed: 0,
            fast: false,
            dtype: None,
            out: PathBuf::from("frames"),
        };
        while let Some(option) = args.next() {
            if option == "--help" || option == "-h" {
                return Ok(None);
            }
            if option == "--fast" {
                options.fast = true;
                continue;
            }
            let value = args.next().with_context(|| format!("{option} needs a value; --help lists the options"))?;
            options.set(&option, &value).with_context(|| format!("{option} {value}"))?;
        }
        Ok(Some(options))
    }

    fn set(&mut self, option: &str, value: &str) -> Result<()> {
        match option {
            "--model" => self.model = Some(PathBuf::from(value)),
            "--transformer" => self.transformer = Some(PathBuf::from(value)),
            "--lora" => self.lora = Some(PathBuf::from(value)),
            "--shift" => self.shift = value.parse()?,
            "--family" => self.family = Some(value.parse()?),
            "--prompt" => value.clone_into(&mut self.prompt),
            "--negative" => value.clone_into(&mut self.negative),
            "--guidance" => self.guidance = value.parse()?,
            "--steps" => self.steps = value.parse()?,
            "--frames" => self.frames = value.parse()?,
            "--size" => self.size = Some(size(value)?),
            "--seed" => self.seed = value.parse()?,
            "--dtype" => self.dtype = Some(dtype(value)?),
            "--out" => self.out = PathBuf::from(value),
            _ => bail!("unknown option; --help lists all"),
        }
        Ok(())
    }
}

fn size(text: &str) -> Result<(usize, usize)> {
    let (width, height) = text.split_once('x').context("expected WIDTHxHEIGHT, such as 832x480")?;
    let (width, height): (usize, usize) = (width.parse()?, height.parse()?);
    if width == 0 || height == 0 || width % (2 * PIXELS) != 0 || height % (2 * PIXELS) != 0 {
        bail!("width and height must be multiples of {}", 2 * PIXELS)
    }
    Ok((width, height))
}

fn dtype(name: &str) -> Result<DType> {
    match name {
        "f32" => Ok(DType::F32),
        "f16" => Ok(DType::F16),
        "bf16" => Ok(DType::BF16),
        _ => bail!("unknown dtype; use f32, f16 or bf16"),
    }
}

fn main() -> Result<()> {
    let Some(options) = Options::parse(std::env::args().skip(1))? else {
        print!("{HELP}");
        return Ok(());
    };
    let device = device()?;
    let dtype = options.dtype.unwrap_or(if device.is_cpu() { DType::F32 } else { DType::BF16 });
    let mini = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/mini");
    let folder = options.model.as_ref().unwrap_or(&mini);
    let choice = Choice {
        parts: options.transformer.iter().map(|path| (Part::Transformer, path.clone())).collect(),
        loras: options.lora.as_ref().map(|lora| vec![Lora::new(lora.clone())]),
        family: options.family,
        products: None,
    };
    let mut checkpoint = Checkpoint::find_with(folder, &choice)?;
    let family = checkpoint.family;
    let (width, height) = options.size.unwrap_or(if family == Family::Mini { (128, 128) } else { (832, 480) });

    let start = Instant::now();
    // The text encoder is large: drop it before the transformer loads.
    let mut text = checkpoint.text_encoder(dtype, &device)?;
    let prompt = encode(&mut text, &options.prompt)?;
    let guided = family.streaming().is_none() && (options.guidance - 1.0).abs() > f64::EPSILON;
    let negative = guided.then(|| encode(&mut text, &options.negative)).transpose()?;
    drop(text);
    let model = Arc::new(checkpoint.transformer(dtype, &device)?);
    let config = model.config();
    if !options.fast && checkpoint.vae.is_some() {
        checkpoint.taehv = None;
    }
    let decoder = checkpoint.decoder(dtype, &device)?;
    eprintln!(
        "{family}: {} layers of width {} in {dtype:?}, loaded in {:.1} s",
        config.layers,
        config.dim,
        start.elapsed().as_secs_f32()
    );

    let prompt = Arc::new(model.context(&prompt)?);
    let latents = options.frames.saturating_sub(1) / FRAMES + 1;
    let picture = (height / PIXELS, width / PIXELS);
    let mut video = Video::new(DecoderStream::new(decoder), &options)?;
    let noise = family.noise(options.seed);
    if let Some((streaming, schedule)) = family.streaming().zip(family.schedule()?) {
        let chunks = latents.div_ceil(streaming.chunk.get());
        let room = streaming.cache.window / streaming.chunk.get();
        if !streaming.cache.rolls && streaming.refresh == Refresh::CleanPass && chunks > room {
            bail!("{family} is limited to {} frames", FRAMES * (room * streaming.chunk.get() - 1) + 1)
        }
        let mut rollout = Rollout::new(model.clone(), streaming, schedule, prompt, noise, picture)?;
        for _ in 0..chunks {
            video.push(&rollout.next_latents(Hooks::NONE)?)?;
        }
    } else {
        let sampler = Box::new(UniPc::new(options.steps, options.shift, UniPcSchedule::Original)?);
        let size = (latents, picture.0, picture.1);
        let mut clips = Clips::new(model.clone(), sampler, options.guidance, prompt, noise, size)?;
        if let Some(negative) = negative {
            clips.set_negative(Arc::new(model.context(&negative)?));
        }
        for number in 1..=options.steps {
            let step = clips.advance(Hooks::NONE)?;
            eprintln!("step {number} of {}", options.steps);
            if step.finished {
                video.push(&step.clean)?;
            }
        }
    }
    let seconds = video.start.elapsed().as_secs_f32();
    let frames = video.written;
    eprintln!(
        "{frames} frames in {seconds:.1} s, {:.2} per second, in {}",
        frames as f32 / seconds,
        options.out.display()
    );
    Ok(())
}

/// The embedding of a prompt.
fn encode(text: &mut TextEncoder, prompt: &str) -> Result<Tensor> {
    let prompt = text.encode(prompt)?;
    if prompt.tokens.dropped > 0 {
        eprintln!("prompt too long; its last {} tokens are dropped", prompt.tokens.dropped);
    }
    Ok(prompt.embedding.clone())
}

/// The decoder and the files of a video.
struct Video {
    decoder: DecoderStream,
    out: PathBuf,
    wanted: usize,
    written: usize,
    start: Instant,
}

impl Video {
    fn new(decoder: DecoderStream, options: &Options) -> Result<Self> {
        std::fs::create_dir_all(&options.out).with_context(|| options.out.display().to_string())?;
        Ok(Self { decoder, out: options.out.clone(), wanted: options.frames, written: 0, start: Instant::now() })
    }

    /// Decodes latents `[1, channels, frames, height, width]` and writes their frames.
    fn push(&mut self, latents: &Tensor) -> Result<()> {
        let latents = latents.squeeze(0)?.transpose(0, 1)?.contiguous()?;
        let frames = self.decoder.push(&latents)?;
        let (count, _, height, width) = frames.dims4()?;
        let pixels = frames.to_dtype(DType::F32)?.affine(255.0, 0.5)?.to_dtype(DType::U8)?.permute((0, 2, 3, 1))?;
        for i in 0..count.min(self.wanted - self.written) {
            let path = self.out.join(format!("{:05}.png", self.written));
            let pixels = pixels.get(i)?.flatten_all()?.to_vec1::<u8>()?;
            image::save_buffer(&path, &pixels, width as u32, height as u32, image::ColorType::Rgb8)
                .with_context(|| path.display().to_string())?;
            self.written += 1;
        }
        eprintln!("{} frames", self.written);
        Ok(())
    }
}
