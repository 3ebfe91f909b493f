//! The contract `cybexp:tahoe@0.1.0`: bindings, what is linked, and conversion to the host's own types. A later
//! version gets a module of its own beside this one; nothing outside these modules sees generated types.

use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Engine, Store, StoreContextMut};

use super::call::{Record, State, charge};
use super::wasi;
use crate::answer::{Answer, Event, Node, Session};
use crate::descriptor::{Declared, OptionSpec};
use crate::limits::Profile;
use crate::tahoe::{Category, Itype, Scalar};
use crate::verdict::{LogLevel, Outcome};

mod bindings {
    wasmtime::component::bindgen!({ path: "../wit", world: "tahoe-filter" });
}

use bindings::cybexp::tahoe::log::Level;
use bindings::cybexp::tahoe::types as wit;

/// The interface whose export makes a component a filter of this version.
pub const EXPORT: &str = "cybexp:tahoe/filter@0.1.0";
const OPTIONS: &str = "cybexp:tahoe/options@0.1.0";
const LOG: &str = "cybexp:tahoe/log@0.1.0";
/// What every component of this version may import; the types carry no code.
pub(super) const IMPORTS: [&str; 3] = [OPTIONS, LOG, "cybexp:tahoe/types@0.1.0"];

/// A component with its imports resolved: all that can be done before the first record.
pub(super) struct Linked(bindings::TahoeFilterPre<State>);

/// Links a component to what this version of the contract grants its profile.
pub(super) fn link(engine: &Engine, component: &Component, profile: Profile) -> wasmtime::Result<Linked> {
    let mut linker = linker(engine)?;
    if profile == Profile::Wasi {
        wasi::link(&mut linker, engine, component)?;
    }
    let pre: InstancePre<State> = linker.instantiate_pre(component)?;
    Ok(Linked(bindings::TahoeFilterPre::new(pre)?))
}

/// Everything that a pure guest can call, and any other. There is no other linker.
fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    linker.instance(OPTIONS)?.func_wrap("get", |mut store: StoreContextMut<'_, State>, (key,): (String,)| {
        charge(&mut store, key.len())?;
        let value = store.data().option(&key);
        charge(&mut store, value.as_ref().map_or(0, String::len))?;
        Ok((value,))
    })?;
    linker.instance(LOG)?.func_wrap("log", |mut store: StoreContextMut<'_, State>, (level, message): (Level, String)| {
        charge(&mut store, message.len())?;
        store.data_mut().output(message.len() as u64)?;
        store.data_mut().log(level.into(), &message);
        Ok(())
    })?;
    Ok(linker)
}

impl Linked {
    /// Instantiates and asks the filter what it is.
    pub(super) fn describe(&self, store: &mut Store<State>, call_fuel: u64) -> wasmtime::Result<Declared> {
        let instance = self.0.instantiate(&mut *store)?;
        State::start_call(store, call_fuel)?;
        Ok(instance.cybexp_tahoe_filter().call_describe(store)?.into())
    }

    /// Instantiates and gives the filter one record.
    pub(super) fn parse(&self, store: &mut Store<State>, record: &Record<'_>, call_fuel: u64) -> wasmtime::Result<Outcome> {
        let instance = self.0.instantiate(&mut *store)?;
        State::start_call(store, call_fuel)?;
        let input = wit::RawRecord {
            sub_type: record.sub_type.to_owned(),
            data: record.data.to_owned(),
            timezone: record.timezone.to_owned(),
            received_at: record.received_at,
        };
        Ok(match instance.cybexp_tahoe_filter().call_parse(store, &input)? {
            Ok(answer) => Outcome::Answered(answer.into()),
            Err(rejection) => Outcome::Rejected(rejection.reason),
        })
    }
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}

impl From<wit::Category> for Category {
    fn from(category: wit::Category) -> Self {
        match category {
            wit::Category::Unknown => Self::Unknown,
            wit::Category::Benign => Self::Benign,
            wit::Category::Malicious => Self::Malicious,
        }
    }
}

impl From<wit::Scalar> for Scalar {
    fn from(scalar: wit::Scalar) -> Self {
        match scalar {
            wit::Scalar::Null => Self::Null,
            wit::Scalar::Boolean(boolean) => Self::Boolean(boolean),
            wit::Scalar::Integer(integer) => Self::Integer(integer),
            wit::Scalar::Float(float) => Self::Float(float),
            wit::Scalar::Text(text) => Self::Text(text),
        }
    }
}

impl From<wit::Node> for Node {
    fn from(node: wit::Node) -> Self {
        match node {
            wit::Node::Attribute(attribute) => Self::Attribute { sub_type: attribute.sub_type, value: attribute.value.into() },
            wit::Node::Object(object) => Self::Object { sub_type: object.sub_type, children: object.children },
        }
    }
}

impl From<wit::Event> for Event {
    fn from(event: wit::Event) -> Self {
        Self {
            sub_type: event.sub_type,
            timestamp: event.timestamp,
            category: event.category.into(),
            children: event.children,
            malicious: event.malicious,
            benign: event.benign,
            session: event.session,
        }
    }
}

impl From<wit::Session> for Session {
    fn from(session: wit::Session) -> Self {
        Self {
            sub_type: session.sub_type,
            key: session.key,
            start_time: session.start_time,
            end_time: session.end_time,
            duration: session.duration,
        }
    }
}

impl From<wit::Answer> for Answer {
    fn from(answer: wit::Answer) -> Self {
        Self {
            nodes: answer.nodes.into_iter().map(Into::into).collect(),
            events: answer.events.into_iter().map(Into::into).collect(),
            sessions: answer.sessions.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<wit::Descriptor> for Declared {
    fn from(descriptor: wit::Descriptor) -> Self {
        let itype = |kind| match kind {
            wit::InstanceKind::Attribute => Itype::Attribute,
            wit::InstanceKind::Object => Itype::Object,
            wit::InstanceKind::Event => Itype::Event,
            wit::InstanceKind::Session => Itype::Session,
        };
        let option = |option: wit::OptionSpec| OptionSpec {
            key: option.key,
            description: option.description,
            default: option.default,
            allowed: option.allowed,
            secret: option.secret,
        };
        Self {
            id: descriptor.id,
            name: descriptor.name,
            version: descriptor.version,
            description: descriptor.description,
            accepts: descriptor.accepts,
            options: descriptor.options.into_iter().map(option).collect(),
            emits: descriptor.emits.into_iter().map(|emission| (itype(emission.kind), emission.sub_type)).collect(),
            asserts: descriptor.asserts.into_iter().map(Into::into).collect(),
        }
    }
}
