//! The graphics cards that can draw the window.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use eframe::wgpu::{Backends, DeviceType, Instance, InstanceDescriptor};

/// A graphics card, or a driver that draws on the processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adapter {
    /// Its name, with the interface that reaches it.
    pub name: String,
    /// True if the processor draws.
    pub is_software: bool,
}

/// The adapters of this machine. Asking for them loads the drivers, which takes a moment.
pub fn adapters() -> Vec<Adapter> {
    let instance = Instance::new(InstanceDescriptor::new_without_display_handle());
    let mut found = pin!(instance.enumerate_adapters(Backends::PRIMARY | Backends::GL));
    // Outside of a browser the answer is there at once.
    let Poll::Ready(found) = found.as_mut().poll(&mut Context::from_waker(Waker::noop())) else { return Vec::new() };
    let adapter = |info: eframe::wgpu::AdapterInfo| Adapter {
        name: format!("{} ({:?})", info.name, info.backend),
        is_software: info.device_type == DeviceType::Cpu,
    };
    found.iter().map(|found| adapter(found.get_info())).collect()
}
