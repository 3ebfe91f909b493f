//! A filter for tests, as somebody built it for version 0.1.0 of the contract: it uses all that the contract has, and
//! nothing of this repository beside the copy of the contract in `wit/` here. A runtime that no longer runs it, or makes
//! other documents of what it says, has broken the filters of others. So it never changes.

// A host's linker takes no names such as those of the contract.
#![cfg(target_arch = "wasm32")]
#![expect(unsafe_code, reason = "what bindings export is called from outside")]

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "tahoe-filter" });
}

use bindings::cybexp::tahoe::log::{Level, log};
use bindings::cybexp::tahoe::options;
use bindings::cybexp::tahoe::types::{
    Answer, Attribute, Category, Descriptor, Emission, Event, InstanceKind, Node, Object, OptionSpec, RawRecord, Rejection,
    Scalar, Session,
};
use bindings::exports::cybexp::tahoe::filter::Guest;

struct Component;

bindings::export!(Component with_types_in bindings);

impl Guest for Component {
    fn describe() -> Descriptor {
        let any = |kind| Emission { kind, sub_type: "*".to_owned() };
        Descriptor {
            id: "00000000-0000-4000-8000-000000000100".to_owned(),
            name: "contract_0_1_0".to_owned(),
            version: "1.0.0".to_owned(),
            description: "For tests: all that version 0.1.0 of the contract has.".to_owned(),
            accepts: vec!["contract".to_owned()],
            options: vec![OptionSpec {
                key: "colour".to_owned(),
                description: "Becomes an attribute.".to_owned(),
                default: "red".to_owned(),
                allowed: vec!["red".to_owned(), "blue".to_owned()],
                secret: false,
            }],
            emits: [InstanceKind::Attribute, InstanceKind::Object, InstanceKind::Event, InstanceKind::Session].map(any).into(),
            asserts: vec![Category::Unknown, Category::Benign, Category::Malicious],
        }
    }

    fn parse(input: RawRecord) -> Result<Answer, Rejection> {
        if input.data.contains("no such record") {
            return Err(Rejection { reason: "it says so".to_owned() });
        }
        for (level, message) in [(Level::Debug, "debug"), (Level::Info, "info"), (Level::Warn, "warn"), (Level::Error, "error")] {
            log(level, message);
        }
        let attribute = |sub_type: &str, value| Node::Attribute(Attribute { sub_type: sub_type.to_owned(), value });
        let object = |sub_type: &str, children: &[u32]| {
            Node::Object(Object { sub_type: sub_type.to_owned(), children: children.to_owned() })
        };
        let text = |text: Option<String>| text.map_or(Scalar::Null, Scalar::Text);
        let nodes = vec![
            attribute("sub_type", Scalar::Text(input.sub_type)),
            attribute("data", Scalar::Text(input.data)),
            attribute("timezone", Scalar::Text(input.timezone)),
            attribute("received_at", Scalar::Float(input.received_at)),
            attribute("colour", text(options::get("colour"))),
            attribute("undeclared", text(options::get("undeclared"))),
            attribute("boolean", Scalar::Boolean(true)),
            attribute("integer", Scalar::Integer(-9_007_199_254_740_993)),
            object("inner", &[0, 1]),
            object("outer", &[8, 4]),
        ];
        let event = |sub_type: &str, category, children: &[u32], session| Event {
            sub_type: sub_type.to_owned(),
            timestamp: 1_700_000_000.25,
            category,
            children: children.to_owned(),
            malicious: vec![8, 4],
            benign: vec![7],
            session,
        };
        Ok(Answer {
            nodes,
            events: vec![
                event("first", Category::Malicious, &[9, 2, 7], Some(0)),
                event("second", Category::Benign, &[9, 3, 7], None),
                event("third", Category::Unknown, &[9, 6, 7], Some(0)),
            ],
            sessions: vec![Session {
                sub_type: "visit".to_owned(),
                key: vec![2, 5],
                start_time: Some(1_700_000_000.0),
                end_time: Some(1_700_000_060.5),
                duration: Some(60.5),
            }],
        })
    }
}
