//! What goes over the socket: frames of a length and so many bytes, most of them a value in postcard's format.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::limits::{Limits, Profile};
use crate::sandbox::{Options, Record};

/// What the parent asks of a worker.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request<'a> {
    /// Load a filter's machine code, which follows in a frame of its own, under a number. Answered by
    /// `Result<(), Refusal>`.
    Load {
        /// What later requests call it by.
        filter: u32,
        /// What it imports.
        profile: Profile,
        /// Its budgets.
        limits: Box<Limits>,
        /// Its settings.
        options: Options,
    },
    /// Ask a filter what it is. Answered by `(Result<Declared, Failure>, Report)`.
    Describe {
        /// Which.
        filter: u32,
    },
    /// Give a filter records. Each is answered by a `Called`, in order.
    Call {
        /// Which.
        filter: u32,
        /// In this order.
        #[serde(borrow)]
        records: Vec<Record<'a>>,
        /// Units of fuel for each, if it is to have fewer than its limit.
        fuel: Option<u64>,
    },
}

/// Sends bytes.
pub(super) fn send_bytes(stream: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(|_| invalid("a frame of more than 4 GiB"))?;
    stream.write_all(&length.to_le_bytes())?;
    stream.write_all(bytes)
}

/// Sends a value.
pub(super) fn send(stream: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let bytes = postcard::to_stdvec(value).map_err(|error| invalid(&error.to_string()))?;
    send_bytes(stream, &bytes)
}

/// Receives bytes into a buffer. `false`: the other side has closed. Takes no more memory than was sent.
///
/// # Errors
/// A frame longer than `most`, or one that ends before its length.
pub(super) fn receive_bytes(stream: &mut impl Read, most: u64, bytes: &mut Vec<u8>) -> io::Result<bool> {
    let mut length = [0; 4];
    bytes.clear();
    // The first byte alone: the other side may close between two frames, not within one.
    if stream.read(&mut length[..1])? == 0 {
        return Ok(false);
    }
    stream.read_exact(&mut length[1..])?;
    let length = u64::from(u32::from_le_bytes(length));
    if length > most {
        return Err(invalid("a frame longer than allowed"));
    }
    if stream.take(length).read_to_end(bytes)? as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(true)
}

/// Receives a value. `None`: the other side has closed.
///
/// # Errors
/// As [`receive_bytes`], or bytes that are no such value.
pub(super) fn receive<T: DeserializeOwned>(stream: &mut impl Read, most: u64, buffer: &mut Vec<u8>) -> io::Result<Option<T>> {
    if !receive_bytes(stream, most, buffer)? {
        return Ok(None);
    }
    decode(buffer).map(Some)
}

/// A value that fills these bytes.
pub(super) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> io::Result<T> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(|error| invalid(&error.to_string()))?;
    if rest.is_empty() { Ok(value) } else { Err(invalid("bytes after the value")) }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::{Answer, Session};
    use crate::descriptor::Declared;
    use crate::verdict::{Called, Failure, FailureKind, LogLevel, LogLine, Outcome};

    #[test]
    fn what_is_sent_is_received_and_the_end_is_seen() {
        let mut sent = Vec::new();
        send(&mut sent, &("one", 2_u64)).unwrap();
        send_bytes(&mut sent, &[7; 300]).unwrap();
        let (mut stream, mut buffer) = (sent.as_slice(), Vec::new());
        assert_eq!(receive::<(String, u64)>(&mut stream, 100, &mut buffer).unwrap(), Some(("one".to_owned(), 2)));
        assert!(receive_bytes(&mut stream, 300, &mut buffer).unwrap());
        assert_eq!(buffer, [7; 300]);
        assert!(!receive_bytes(&mut stream, 300, &mut buffer).unwrap());
    }

    #[test]
    fn frames_that_lie_about_themselves_are_errors_and_take_no_memory() {
        let mut buffer = Vec::new();
        let mut receive = |bytes: &[u8]| {
            let result = receive_bytes(&mut &*bytes, 1 << 30, &mut buffer);
            assert!(buffer.capacity() < 1 << 20);
            result
        };
        assert!(receive(&[0xff, 0xff, 0xff, 0xff, 1]).is_err(), "longer than allowed");
        assert!(receive(&[0, 0, 0, 0x20, 1]).is_err(), "half a gigabyte promised, one byte sent");
        assert!(receive(&[1, 0]).is_err(), "half a length");
        // Values: a list that promises more than there is, and one with something behind it.
        assert!(decode::<Vec<u64>>(&[0xff, 0xff, 0xff, 0xff, 0x0f, 1]).is_err());
        assert!(decode::<u8>(&[1, 2]).is_err());
    }

    /// A call's outcome with something of everything.
    fn called() -> Called {
        serde_json::from_value(serde_json::json!({
            "outcome": {"Answered": {
                "nodes": [
                    {"attribute": {"sub_type": "text", "value": {"text": "value"}}},
                    {"object": {"sub_type": "object", "children": [0, 0, 0, 0, 0]}},
                ],
                "events": [],
                "sessions": [],
            }},
            "report": {"fuel": 1, "setup_fuel": 1, "memory": 2, "output": 3, "log": [{"level": "info", "message": "said"}], "log_dropped": 0},
        }))
        .unwrap()
    }

    #[test]
    fn lists_that_are_longer_than_any_answer_has_them_are_errors_before_they_take_memory() {
        let with = |change: fn(&mut Called)| {
            let mut called = called();
            change(&mut called);
            decode::<Called>(&postcard::to_stdvec(&called).unwrap())
        };
        assert!(with(|called| called.report.log = vec![said(); 1_000]).is_ok());
        assert!(with(|called| called.report.log = vec![said(); 1_001]).is_err());
        let failed = |frames| {
            let failure = Failure { kind: FailureKind::Trap, message: String::new(), backtrace: vec![String::new(); frames] };
            decode::<Outcome>(&postcard::to_stdvec(&Outcome::Failed(failure)).unwrap())
        };
        assert!(failed(Failure::MOST_FRAMES).is_ok() && failed(Failure::MOST_FRAMES + 1).is_err());
        let sessions = |count| {
            let session = Session { sub_type: String::new(), key: vec![], start_time: None, end_time: None, duration: None };
            let answer = Answer { sessions: vec![session; count], ..Answer::default() };
            decode::<Answer>(&postcard::to_stdvec(&answer).unwrap())
        };
        let most = Limits::PURE.sessions.of(Limits::INPUT_BYTES) as usize;
        assert!(sessions(most).is_ok() && sessions(most + 1).is_err());
    }

    fn said() -> LogLine {
        LogLine { level: LogLevel::Info, message: String::new() }
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_child_sends_is_a_value_or_an_error(
            at in 0_usize..200, new in proptest::collection::vec(proptest::num::u8::ANY, 0..12), keep in 0_usize..200,
        ) {
            let mut bytes = postcard::to_stdvec(&called()).unwrap();
            let at = at % bytes.len();
            let end = (at + keep).min(bytes.len());
            bytes.splice(at..end, new.iter().copied());
            // What decodes is as large as what was sent, whatever lengths it claims.
            if let Ok(Called { outcome: Outcome::Answered(answer), .. }) = decode::<Called>(&bytes) {
                proptest::prop_assert!(answer.nodes.len() <= bytes.len());
            }
            let _ = decode::<Result<Declared, Failure>>(&new);
            let _ = decode::<Called>(&new);
        }
    }
}
