//! Every form of a LoRA.

use std::fs;

use bendrack::wan::checkpoint::Checkpoint;
use bendrack::wan::parts::{Choice, Lora};
use candle_core::{Device, Result, Tensor};

use super::{Form, Home, Tensors};

pub const FORMS: &[Form] = &[
    ("LoRA of PEFT", peft),
    ("LoRA of diffusers", diffusers),
    ("LoRA of ComfyUI and kohya", kohya),
    ("LoRA with underscores for dots", flat),
    ("LoRA with underscores for some dots", half_flat),
    ("`alpha` in the file", alpha_in_the_file),
    ("`alpha` in `adapter_config.json`", alpha_of_peft),
    ("`alpha` in the header", alpha_in_the_header),
    ("LoRA of a convolution", convolution),
    ("DoRA", dora),
    ("LoHa", loha),
    ("LoKr", lokr),
    ("differences of whole tensors", differences),
    ("several LoRAs with strengths", several),
    ("LoRA with tensors of another model", strangers),
];

/// The module that most of these LoRAs change, and the rank of the change.
const MODULE: &str = "blocks.0.self_attn.q";
const RANK: usize = 4;

/// Random numbers that change the model visibly.
fn noise(dims: &[usize]) -> Tensor {
    Tensor::randn(0f32, 0.3, dims, &Device::Cpu).expect("noise")
}

/// A LoRA of one module: its factors, and the change that they make with scale 1.
struct Change {
    down: Tensor,
    up: Tensor,
    product: Tensor,
}

impl Change {
    fn new() -> Result<Self> {
        let (down, up) = (noise(&[RANK, 256]), noise(&[256, RANK]));
        let product = up.matmul(&down)?;
        Ok(Self { down, up, product })
    }

    /// The tensors of the LoRA under these names.
    fn named(&self, down: &str, up: &str) -> Tensors {
        [(down.to_owned(), self.down.clone()), (up.to_owned(), self.up.clone())].into()
    }

    /// The weights with this change of [`MODULE`], times a scale.
    fn on(&self, base: &Tensors, scale: f64) -> Result<Tensors> {
        with(base, &format!("{MODULE}.weight"), &(&self.product * scale)?)
    }
}

/// The tensors with `change` added to one of them.
fn with(base: &Tensors, name: &str, change: &Tensor) -> Result<Tensors> {
    let mut changed = base.clone();
    let sum = (&base[name] + change.reshape(base[name].shape())?)?;
    changed.insert(name.to_owned(), sum);
    Ok(changed)
}

fn home(lora: &Tensors) -> Result<Home> {
    let home = Home::new()?;
    home.save_base()?;
    home.save("lora.safetensors", lora)?;
    Ok(home)
}

/// Checks that a LoRA with these names makes its change.
fn is_read(down: &str, up: &str) -> Result<()> {
    let change = Change::new()?;
    let home = home(&change.named(down, up))?;
    home.is_changed(&Choice::default(), &change.on(&home.base, 1.0)?)
}

fn peft() -> Result<()> {
    is_read(&format!("base_model.model.{MODULE}.lora_A.weight"), &format!("base_model.model.{MODULE}.lora_B.weight"))?;
    is_read(
        &format!("base_model.model.model.{MODULE}.lora_A.default.weight"),
        &format!("base_model.model.model.{MODULE}.lora_B.default.weight"),
    )
}

fn diffusers() -> Result<()> {
    let module = "transformer.blocks.0.attn1.to_q";
    is_read(&format!("{module}.lora_A.weight"), &format!("{module}.lora_B.weight"))?;
    is_read(&format!("{module}.lora.down.weight"), &format!("{module}.lora.up.weight"))
}

fn kohya() -> Result<()> {
    for prefix in ["", "diffusion_model.", "model.diffusion_model."] {
        is_read(&format!("{prefix}{MODULE}.lora_down.weight"), &format!("{prefix}{MODULE}.lora_up.weight"))?;
    }
    Ok(())
}

fn flat() -> Result<()> {
    for module in
        ["lora_unet_blocks_0_self_attn_q", "lora_transformer_blocks_0_attn1_to_q", "lycoris_blocks_0_self_attn_q"]
    {
        is_read(&format!("{module}.lora_down.weight"), &format!("{module}.lora_up.weight"))?;
    }
    Ok(())
}

fn half_flat() -> Result<()> {
    for module in
        ["lora_unet_blocks_0.self_attn.q", "lora_unet_blocks.0_self_attn.q", "diffusion_model.blocks_0_self_attn_q"]
    {
        is_read(&format!("{module}.lora_down.weight"), &format!("{module}.lora_up.weight"))?;
    }
    Ok(())
}

fn alpha_in_the_file() -> Result<()> {
    let change = Change::new()?;
    let mut lora = change.named(&format!("{MODULE}.lora_down.weight"), &format!("{MODULE}.lora_up.weight"));
    lora.insert(format!("{MODULE}.alpha"), Tensor::new(2.0 * RANK as f32, &Device::Cpu)?);
    let home = home(&lora)?;
    home.is_changed(&Choice::default(), &change.on(&home.base, 2.0)?)
}

fn alpha_of_peft() -> Result<()> {
    let change = Change::new()?;
    let names =
        (format!("base_model.model.{MODULE}.lora_A.weight"), format!("base_model.model.{MODULE}.lora_B.weight"));
    for (stabilised, scale) in [(false, 3.0), (true, 6.0)] {
        let home = Home::new()?;
        home.save_base()?;
        home.save("adapter_model.safetensors", &change.named(&names.0, &names.1))?;
        let config = serde_json::json!({ "r": RANK, "lora_alpha": 3 * RANK, "use_rslora": stabilised });
        fs::write(home.path("adapter_config.json"), config.to_string())?;
        home.is_changed(&Choice::default(), &change.on(&home.base, scale)?)?;
        fs::write(home.path("adapter_config.json"), "{")?;
        let error = home.is_base(0.0).expect_err("broken settings").to_string();
        assert!(error.contains("adapter_config.json"), "{error}");
    }
    Ok(())
}

fn alpha_in_the_header() -> Result<()> {
    let change = Change::new()?;
    let home = Home::new()?;
    home.save_base()?;
    let lora =
        change.named("transformer.blocks.0.attn1.to_q.lora_A.weight", "transformer.blocks.0.attn1.to_q.lora_B.weight");
    let numbers: Vec<_> = lora
        .iter()
        .map(|(name, tensor)| {
            let bytes = crate::weights::make::f32_bytes(&tensor.flatten_all()?.to_vec1::<f32>()?);
            Ok((name.as_str(), safetensors::tensor::Dtype::F32, tensor.dims(), bytes))
        })
        .collect::<Result<_>>()?;
    let header = serde_json::json!({ "transformer.r": RANK, "transformer.lora_alpha": 2 * RANK }).to_string();
    let file = crate::weights::make::safetensors(&numbers, &[("format", "pt"), ("lora_adapter_metadata", &header)]);
    fs::write(home.path("lora.safetensors"), file)?;
    home.is_changed(&Choice::default(), &change.on(&home.base, 2.0)?)
}

fn convolution() -> Result<()> {
    let (down, up) = (noise(&[RANK, 16, 1, 2, 2]), noise(&[256, RANK, 1, 1, 1]));
    let product = up.reshape((256, RANK))?.matmul(&down.reshape((RANK, 64))?)?;
    let lora = [("patch_embedding.lora_A.weight".to_owned(), down), ("patch_embedding.lora_B.weight".to_owned(), up)];
    let home = home(&lora.into())?;
    home.is_changed(&Choice::default(), &with(&home.base, "patch_embedding.weight", &product)?)
}

fn dora() -> Result<()> {
    let change = Change::new()?;
    let name = format!("{MODULE}.weight");
    let mut lora = change.named(&format!("{MODULE}.lora_A.weight"), &format!("{MODULE}.lora_B.weight"));
    let magnitude = Tensor::rand(0.5f32, 2.0, 256, &Device::Cpu)?;
    lora.insert(format!("{MODULE}.lora_magnitude_vector"), magnitude.clone());
    let home = home(&lora)?;
    let changed = (&home.base[&name] + &change.product)?;
    let length = changed.sqr()?.sum_keepdim(1)?.sqrt()?;
    let changed = changed.broadcast_mul(&(magnitude.reshape((256, 1))? / length)?)?;
    let difference = (changed - &home.base[&name])?;
    home.is_changed(&Choice::default(), &with(&home.base, &name, &difference)?)?;
    // A strength leads from the weight to the changed one.
    let half =
        Choice { loras: Some(vec![Lora { file: home.path("lora.safetensors"), strength: 0.5 }]), ..Choice::default() };
    home.is_changed(&half, &with(&home.base, &name, &(difference * 0.5)?)?)
}

fn loha() -> Result<()> {
    let [a1, b1, a2, b2] = [[256, RANK], [RANK, 256], [256, RANK], [RANK, 256]].map(|dims| noise(&dims));
    let product = (a1.matmul(&b1)? * a2.matmul(&b2)?)?;
    let names = ["hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"];
    let mut lora: Tensors =
        names.iter().zip([a1, b1, a2, b2]).map(|(name, tensor)| (format!("{MODULE}.{name}"), tensor)).collect();
    lora.insert(format!("{MODULE}.alpha"), Tensor::new(RANK as f32 / 2.0, &Device::Cpu)?);
    let home = home(&lora)?;
    home.is_changed(&Choice::default(), &with(&home.base, &format!("{MODULE}.weight"), &(product * 0.5)?)?)
}

fn lokr() -> Result<()> {
    let (small, a, b) = (noise(&[8, 4]), noise(&[32, RANK]), noise(&[RANK, 64]));
    let large = a.matmul(&b)?;
    let numbers = |tensor: &Tensor| tensor.to_vec2::<f32>();
    let (outer, inner) = (numbers(&small)?, numbers(&large)?);
    let product: Vec<f32> = (0..256 * 256)
        .map(|at| (at / 256, at % 256))
        .map(|(row, column)| outer[row / 32][column / 64] * inner[row % 32][column % 64])
        .collect();
    let product = Tensor::from_vec(product, (256, 256), &Device::Cpu)?;
    let name = |end: &str| format!("lycoris_blocks_0_self_attn_q.{end}");
    let alpha = Tensor::new(2.0 * RANK as f32, &Device::Cpu)?;
    let products = [
        (name("lokr_w1"), small.clone()),
        (name("lokr_w2_a"), a),
        (name("lokr_w2_b"), b),
        (name("alpha"), alpha.clone()),
    ];
    // Without a product there is no rank, and alpha does not count.
    let wholes = [(name("lokr_w1"), small), (name("lokr_w2"), large), (name("alpha"), alpha)];
    for (lora, scale) in [(Tensors::from(products), 2.0), (Tensors::from(wholes), 1.0)] {
        let home = home(&lora)?;
        home.is_changed(&Choice::default(), &with(&home.base, &format!("{MODULE}.weight"), &(&product * scale)?)?)?;
    }
    Ok(())
}

fn differences() -> Result<()> {
    let change = Change::new()?;
    let prefix = "diffusion_model.";
    let mut lora =
        change.named(&format!("{prefix}{MODULE}.lora_down.weight"), &format!("{prefix}{MODULE}.lora_up.weight"));
    let home = Home::new()?;
    home.save_base()?;
    let mut changed = change.on(&home.base, 1.0)?;
    for (tensor, end) in [
        ("blocks.0.ffn.0.weight", "diff"),
        ("blocks.0.ffn.0.bias", "diff_b"),
        ("blocks.0.modulation", "diff_m"),
        ("blocks.0.norm3.weight", "diff"),
        ("patch_embedding.weight", "diff"),
        ("head.head.bias", "diff_b"),
    ] {
        let difference = noise(home.base[tensor].dims());
        changed = with(&changed, tensor, &difference)?;
        let (module, _) = tensor.rsplit_once('.').expect("a module");
        lora.insert(format!("{prefix}{module}.{end}"), difference);
    }
    home.save("lora.safetensors", &lora)?;
    home.is_changed(&Choice::default(), &changed)
}

fn several() -> Result<()> {
    let (first, second) = (Change::new()?, Change::new()?);
    let names = (format!("{MODULE}.lora_down.weight"), format!("{MODULE}.lora_up.weight"));
    let home = Home::new()?;
    home.save_base()?;
    home.save("first.safetensors", &first.named(&names.0, &names.1))?;
    home.save("second.safetensors", &second.named(&names.0, &names.1))?;
    let error = home.is_base(0.0).expect_err("two LoRAs").to_string();
    assert!(error.contains("more than one LoRA") && error.contains("--lora FILE:STRENGTH"), "{error}");
    let lora = |name: &str, strength| Lora { file: home.path(name), strength };
    for (one, two) in [(1.0, 1.0), (0.8, -0.5), (0.0, 2.0)] {
        let loras = vec![lora("first.safetensors", one), lora("second.safetensors", two)];
        let changed = second.on(&first.on(&home.base, one)?, two)?;
        home.is_changed(&Choice { loras: Some(loras), ..Choice::default() }, &changed)?;
    }
    // The same in the folder's own file.
    let json = serde_json::json!({ "loras": ["first.safetensors:0.8", "second.safetensors"] });
    fs::write(home.path("model.json"), json.to_string())?;
    home.is_changed(&Choice::default(), &second.on(&first.on(&home.base, 0.8)?, 1.0)?)?;
    // Strengths are part of the fingerprint, except those of 1.
    let fingerprint = |json: &str| -> Result<String> {
        fs::write(home.path("model.json"), json)?;
        Ok(Checkpoint::find(&home.root())?.fingerprint()?.finish())
    };
    let plain = fingerprint(r#"{"loras": ["first.safetensors"]}"#)?;
    assert_eq!(plain, fingerprint(r#"{"loras": ["first.safetensors:1"]}"#)?);
    assert_ne!(plain, fingerprint(r#"{"loras": ["first.safetensors:0.5"]}"#)?);
    assert_ne!(plain, fingerprint(r#"{"loras": ["second.safetensors"]}"#)?);
    Ok(())
}

/// An image-to-video LoRA has modules that a text-to-video model lacks, and inputs of another width.
fn strangers() -> Result<()> {
    let change = Change::new()?;
    let mut lora = change.named(&format!("{MODULE}.lora_down.weight"), &format!("{MODULE}.lora_up.weight"));
    for (name, dims) in [
        ("blocks.0.cross_attn.k_img.lora_down.weight", &[RANK, 256][..]),
        ("blocks.0.cross_attn.k_img.lora_up.weight", &[256, RANK]),
        ("patch_embedding.diff", &[256, 36, 1, 2, 2]),
        ("img_emb.proj.0.diff_b", &[1280]),
        ("blocks.0.ffn.0.reshape_weight", &[2]),
        ("lora_te1_text_model.lora_down.weight", &[RANK, 8]),
        ("lora_te1_text_model.lora_up.weight", &[8, RANK]),
    ] {
        lora.insert(name.to_owned(), noise(dims));
    }
    let home = home(&lora)?;
    home.is_changed(&Choice::default(), &change.on(&home.base, 1.0)?)?;
    let warnings = Checkpoint::find(&home.root())?.warnings()?;
    let [warning] = &warnings[..] else { candle_core::bail!("one warning is expected, not {warnings:?}") };
    for part in [
        "lora.safetensors",
        "k_img.weight",
        "img_emb.proj.0.bias",
        "36, 1, 2, 2",
        "reshape_weight",
        "the rest is applied",
    ] {
        assert!(warning.contains(part), "{part} is not in {warning}");
    }
    // A LoRA of a larger model fits nowhere.
    let (down, up) = (noise(&[RANK, 512]), noise(&[512, RANK]));
    let larger = [(format!("{MODULE}.lora_down.weight"), down), (format!("{MODULE}.lora_up.weight"), up)];
    home.save("lora.safetensors", &Tensors::from(larger))?;
    let error = home.is_base(0.0).expect_err("nothing fits").to_string();
    assert!(error.contains("[512, 512] for [256, 256]") && error.contains("size and kind"), "{error}");
    Ok(())
}
