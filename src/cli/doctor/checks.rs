//! The judgement of each fact: fine, worth a note, or a problem with the one thing to do.

use indicatif::DecimalBytes;

use super::Finding;
use super::system::{Display, Graphics, OSC_PORT, System};

/// Memory that mini takes with the window.
const LEAST_MEMORY: u64 = 1 << 30;
/// Space for some minutes of takes and videos.
const LEAST_SPACE: u64 = 1 << 30;
/// Fonts of a system without a desktop.
const FEW_FONTS: usize = 4;

/// Every check, in the order of a first start.
pub(super) fn all(system: &System) -> Vec<Finding> {
    let checks: [fn(&System) -> Option<Finding>; 15] = [
        |system| Some(processor(system)),
        memory,
        |system| Some(disk(system)),
        display,
        libraries,
        graphics,
        dialogs,
        fonts,
        sound,
        |system| Some(midi(system)),
        |system| Some(serial(system)),
        |system| Some(osc(system)),
        |system| Some(mp4(system)),
        |system| Some(ffmpeg(system)),
        |system| Some(models(system)),
    ];
    checks.into_iter().filter_map(|check| check(system)).collect()
}

fn processor(system: &System) -> Finding {
    const NAME: &str = "processor";
    let cores = format!("{} cores", system.cores);
    if system.instructions.is_empty() {
        let text = format!("{cores}, without AVX2 or Neon: pictures come slowly");
        return Finding::note(NAME, text, "use a PC with AVX2 (from 2013 on) or a processor with Neon for live play");
    }
    Finding::fine(NAME, format!("{cores}, {}", system.instructions.join(", ")))
}

fn memory(system: &System) -> Option<Finding> {
    const NAME: &str = "memory";
    let free = system.free_memory?;
    let text = format!("{} are free", DecimalBytes(free));
    Some(if free < LEAST_MEMORY {
        Finding::problem(NAME, text, "close other programs: mini and the window take a gigabyte")
    } else {
        Finding::fine(NAME, text)
    })
}

fn disk(system: &System) -> Finding {
    const NAME: &str = "disk";
    let Some((folder, free)) = &system.folder else {
        return Finding::problem(NAME, "there is no folder for takes and settings", "set HOME to a folder of yours");
    };
    let folder = folder.display();
    if !system.can_write {
        return Finding::problem(
            NAME,
            format!("{folder} cannot be written"),
            format!("give yourself the right to write to {folder}"),
        );
    }
    match free {
        Some(free) if *free < LEAST_SPACE => Finding::problem(
            NAME,
            format!("{} are free for {folder}", DecimalBytes(*free)),
            "free some gigabytes for takes and videos",
        ),
        Some(free) => Finding::fine(NAME, format!("{} are free for {folder}", DecimalBytes(*free))),
        None => Finding::fine(NAME, format!("takes and settings are in {folder}")),
    }
}

fn display(system: &System) -> Option<Finding> {
    const NAME: &str = "display";
    if matches!(system.graphics, Graphics::NoWindow) {
        return None;
    }
    Some(match system.display {
        Display::X11 => Finding::fine(NAME, "X11"),
        Display::Wayland => Finding::fine(NAME, "Wayland"),
        Display::Native => Finding::fine(NAME, "the system's"),
        Display::None => Finding::note(
            NAME,
            "there is none, so no window opens; render and play work",
            "start bendrack from a desktop for the window",
        ),
    })
}

/// True in a session of a Linux desktop.
const fn has_x11_or_wayland(system: &System) -> bool {
    matches!(system.display, Display::X11 | Display::Wayland)
}

fn libraries(system: &System) -> Option<Finding> {
    const NAME: &str = "window libraries";
    if matches!(system.graphics, Graphics::NoWindow) || !has_x11_or_wayland(system) {
        return None;
    }
    Some(if system.missing_libraries.is_empty() {
        Finding::fine(NAME, "all are there")
    } else {
        Finding::problem(
            NAME,
            format!("{} cannot be loaded", system.missing_libraries.join(", ")),
            "sudo apt install libx11-6 libx11-xcb1 libxcursor1 libxi6 libxkbcommon-x11-0 libwayland-client0, or your system's packages with these files",
        )
    })
}

fn graphics(system: &System) -> Option<Finding> {
    const NAME: &str = "graphics";
    const INSTALL: &str =
        "install the driver of your graphics card, or Mesa's: sudo apt install mesa-vulkan-drivers libegl1";
    let has_display = system.display != Display::None;
    Some(match &system.graphics {
        Graphics::NoWindow => return None,
        Graphics::Silent => Finding::problem(
            NAME,
            "the drivers do not answer",
            "start the system again, and update the driver of the graphics card",
        ),
        Graphics::Found(found) if found.is_empty() && has_display => {
            Finding::problem(NAME, "no driver can draw the window", INSTALL)
        }
        Graphics::Found(found) if found.is_empty() => {
            Finding::note(NAME, "there is no driver; render and play need none", INSTALL)
        }
        Graphics::Found(found) => match found.iter().find(|(_, is_software)| !is_software) {
            Some((name, _)) => Finding::fine(NAME, name.clone()),
            None => Finding::note(
                NAME,
                format!("the processor draws the window, by {}: it takes time from the model", found[0].0),
                "install the driver of your graphics card, if there is one",
            ),
        },
    })
}

fn dialogs(system: &System) -> Option<Finding> {
    const NAME: &str = "file dialogs";
    if matches!(system.graphics, Graphics::NoWindow) || !has_x11_or_wayland(system) {
        return None;
    }
    Some(if system.has_portal {
        Finding::fine(NAME, "those of the desktop")
    } else {
        let text = "the desktop has no portal, so the window shows its own";
        Finding::note(NAME, text, "sudo apt install xdg-desktop-portal-gtk, or that of your desktop")
    })
}

fn fonts(system: &System) -> Option<Finding> {
    const NAME: &str = "fonts";
    let count = system.fonts?;
    Some(if count < FEW_FONTS {
        let text = format!("the system has {count}: prompts in Chinese, Arabic or Hindi are shown as boxes");
        Finding::note(NAME, text, "install fonts of the scripts you write in, such as fonts-noto")
    } else {
        Finding::fine(NAME, format!("{count} of the system, for scripts that the window's own lack"))
    })
}

fn sound(system: &System) -> Option<Finding> {
    const NAME: &str = "sound";
    if cfg!(not(feature = "audio")) {
        return None;
    }
    Some(match &system.audio {
        None => Finding::problem(
            NAME,
            "the sound system does not answer",
            "start the sound server again: systemctl --user restart pipewire",
        ),
        Some(Err(problem)) => {
            Finding::note(NAME, problem.clone(), "connect an input, and allow access to it in the system's settings")
        }
        Some(Ok(inputs)) if inputs.is_empty() => {
            Finding::note(NAME, "there is no input", "connect one, and allow access to it in the system's settings")
        }
        Some(Ok(inputs)) => Finding::fine(NAME, format!("{} inputs, such as {}", inputs.len(), inputs[0])),
    })
}

fn midi(system: &System) -> Finding {
    const NAME: &str = "MIDI";
    let group = match system.display {
        Display::Native => "",
        _ => "; on Linux, your user must be in the group audio: sudo usermod -aG audio $USER",
    };
    match &system.midi {
        None => Finding::problem(NAME, "the MIDI system does not answer", "start the system again"),
        Some(Err(problem)) => Finding::note(NAME, problem.clone(), format!("connect a controller{group}")),
        Some(Ok(ports)) if ports.is_empty() => {
            Finding::note(NAME, "no port is there", format!("connect a controller{group}"))
        }
        Some(Ok(ports)) => Finding::fine(NAME, format!("{} ports, such as {}", ports.len(), ports[0])),
    }
}

fn serial(system: &System) -> Finding {
    const NAME: &str = "serial ports";
    match &system.serial {
        None => {
            Finding::problem(NAME, "the list of ports does not come", "pull out USB boards, and start the system again")
        }
        Some(Err(problem)) => Finding::note(NAME, problem.clone(), "connect a board by a USB cable that carries data"),
        Some(Ok(ports)) => match ports.iter().find(|(_, can_open)| !can_open) {
            Some((port, _)) => Finding::problem(
                NAME,
                format!("{port} is there, and your user has no right to open it"),
                "sudo usermod -aG dialout $USER (uucp on Arch), then log out and in",
            ),
            None if ports.is_empty() => {
                Finding::note(NAME, "no board is connected", "connect a board by a USB cable that carries data")
            }
            None => Finding::fine(NAME, ports.iter().map(|(port, _)| port.as_str()).collect::<Vec<_>>().join(", ")),
        },
    }
}

fn osc(system: &System) -> Finding {
    const NAME: &str = "OSC";
    match &system.osc {
        Ok(()) => Finding::fine(NAME, format!("port {OSC_PORT} is free")),
        Err(problem) => Finding::note(
            NAME,
            format!("port {OSC_PORT} cannot be opened: {problem}"),
            "end the other program that listens there (or another bendrack), or choose another port with --osc-in",
        ),
    }
}

fn mp4(system: &System) -> Finding {
    const NAME: &str = "MP4";
    match &system.mp4 {
        Ok(()) => Finding::fine(NAME, "H.264 can be written"),
        Err(problem) => {
            let (text, to_do) = problem.split_once(": ").unwrap_or(("MP4 cannot be written", problem));
            Finding::problem(NAME, text, to_do)
        }
    }
}

fn ffmpeg(system: &System) -> Finding {
    const NAME: &str = "ffmpeg";
    if system.has_ffmpeg {
        Finding::fine(NAME, "ProRes, AV1 and WebM can be written too")
    } else {
        Finding::note(
            NAME,
            "it is not there, so .mov, .mkv and .webm cannot be written",
            "install ffmpeg if you want these formats",
        )
    }
}

fn models(system: &System) -> Finding {
    const NAME: &str = "models";
    let Some(models) = &system.models else {
        let to_do = "look whether the disk of BENDRACK_MODELS answers";
        return Finding::problem(NAME, "the folder of models does not answer", to_do);
    };
    match models.iter().find_map(|(name, problem)| Some((name, problem.as_ref()?))) {
        Some((name, problem)) => {
            let text = format!("{name} cannot be used: {problem}");
            Finding::problem(NAME, text, format!("mend or remove the folder of {name}"))
        }
        None => Finding::fine(NAME, models.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    /// A desktop on which everything is there.
    fn desktop() -> System {
        System {
            instructions: vec!["AVX2"],
            cores: 8,
            free_memory: Some(8 << 30),
            folder: Some(("/home/kim/.local/share/bendrack".into(), Some(90 << 30))),
            can_write: true,
            display: Display::X11,
            missing_libraries: Vec::new(),
            graphics: Graphics::Found(vec![("llvmpipe (Vulkan)".into(), true), ("Radeon (Vulkan)".into(), false)]),
            has_portal: true,
            fonts: Some(200),
            audio: Some(Ok(vec!["Microphone".into()])),
            midi: Some(Ok(vec!["nanoKONTROL2".into()])),
            serial: Some(Ok(vec![("/dev/ttyACM0".into(), true)])),
            osc: Ok(()),
            mp4: Ok(()),
            has_ffmpeg: true,
            models: Some(vec![("mini".into(), None)]),
        }
    }

    fn of(name: &str, change: impl FnOnce(&mut System)) -> (State, String) {
        let mut system = desktop();
        change(&mut system);
        let findings = all(&system);
        let finding = findings.iter().find(|finding| finding.name == name).unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(
            finding.state == State::Fine,
            finding.to_do.is_none(),
            "{name}: only what is not fine has a next step"
        );
        (finding.state, format!("{} → {}", finding.text, finding.to_do.as_deref().unwrap_or_default()))
    }

    #[test]
    fn a_complete_desktop_is_fine() {
        for finding in all(&desktop()) {
            assert_eq!(finding.state, State::Fine, "{finding:?}");
            assert!(!finding.text.is_empty());
        }
    }

    /// Each fact that can be wrong, the check that sees it, its state, and a word of the sentence or the next step.
    #[test]
    fn each_fault_is_found_with_its_next_step() {
        type Change = fn(&mut System);
        let cases: [(&str, Change, State, &str); 28] = [
            ("models", |s| s.models = None, State::Problem, "BENDRACK_MODELS"),
            ("processor", |s| s.instructions.clear(), State::Note, "AVX2"),
            ("memory", |s| s.free_memory = Some(200 << 20), State::Problem, "close other programs"),
            ("disk", |s| s.folder = None, State::Problem, "HOME"),
            ("disk", |s| s.can_write = false, State::Problem, "/home/kim/.local/share/bendrack cannot be written"),
            ("disk", |s| s.folder = Some(("/x".into(), Some(5 << 20))), State::Problem, "free some gigabytes"),
            ("display", |s| s.display = Display::None, State::Note, "render and play work"),
            ("window libraries", |s| s.missing_libraries = vec!["libXi.so.6"], State::Problem, "libXi.so.6"),
            ("graphics", |s| s.graphics = Graphics::Silent, State::Problem, "do not answer"),
            ("graphics", |s| s.graphics = Graphics::Found(Vec::new()), State::Problem, "mesa-vulkan-drivers"),
            (
                "graphics",
                |s| (s.graphics, s.display) = (Graphics::Found(Vec::new()), Display::None),
                State::Note,
                "render and play need none",
            ),
            ("graphics", |s| s.graphics = Graphics::Found(vec![("llvmpipe".into(), true)]), State::Note, "by llvmpipe"),
            ("file dialogs", |s| s.has_portal = false, State::Note, "xdg-desktop-portal"),
            ("fonts", |s| s.fonts = Some(0), State::Note, "fonts-noto"),
            ("sound", |s| s.audio = None, State::Problem, "does not answer"),
            ("sound", |s| s.audio = Some(Err("no card".into())), State::Note, "no card"),
            ("sound", |s| s.audio = Some(Ok(Vec::new())), State::Note, "connect one"),
            ("MIDI", |s| s.midi = None, State::Problem, "start the system again"),
            ("MIDI", |s| s.midi = Some(Err("no /dev/snd".into())), State::Note, "group audio"),
            ("MIDI", |s| s.midi = Some(Ok(Vec::new())), State::Note, "connect a controller"),
            ("serial ports", |s| s.serial = None, State::Problem, "USB"),
            ("serial ports", |s| s.serial = Some(Err("no udev".into())), State::Note, "no udev"),
            ("serial ports", |s| s.serial = Some(Ok(Vec::new())), State::Note, "carries data"),
            (
                "serial ports",
                |s| s.serial = Some(Ok(vec![("/dev/ttyUSB0".into(), false)])),
                State::Problem,
                "/dev/ttyUSB0 is there, and your user has no right to open it → sudo usermod -aG dialout",
            ),
            ("OSC", |s| s.osc = Err("in use".into()), State::Note, "--osc-in"),
            (
                "MP4",
                |s| s.mp4 = Err("MP4 needs a library: install it".into()),
                State::Problem,
                "MP4 needs a library → install it",
            ),
            ("ffmpeg", |s| s.has_ffmpeg = false, State::Note, ".webm"),
            (
                "models",
                |s| s.models = Some(vec![("longlive".into(), Some("x.pt is cut".into()))]),
                State::Problem,
                "longlive cannot be used: x.pt is cut",
            ),
        ];
        for (name, change, state, part) in cases {
            let (found, text) = of(name, change);
            assert!(found == state && text.contains(part), "{name}: {found:?} {text}");
        }
    }

    /// Without a window, and on a server, nothing is asked that only a window needs.
    #[test]
    fn a_build_without_a_window_needs_none_of_its_parts() {
        let mut system = desktop();
        (system.graphics, system.fonts, system.missing_libraries) = (Graphics::NoWindow, None, vec!["libX11.so.6"]);
        let names: Vec<&str> = all(&system).iter().map(|finding| finding.name).collect();
        for name in ["display", "window libraries", "graphics", "file dialogs", "fonts"] {
            assert!(!names.contains(&name), "{name}");
        }
        let mut server = desktop();
        (server.display, server.missing_libraries) = (Display::None, vec!["libX11.so.6"]);
        assert!(all(&server).iter().all(|finding| finding.state != State::Problem));
    }
}
