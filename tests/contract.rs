//! What authors are told is what the host does.

use filter_sdk::limits as sdk;
use tahoe_runtime::limits::Limits;
use tahoe_runtime::tahoe::measure::Size;

use crate::support::root;

#[test]
fn the_limits_that_the_sdk_tells_authors_are_those_of_the_host() {
    let host = Limits::PURE;
    for input in [0_usize, 1, 7, 8, 15, 16, 63, 64, 1_000, 330, 15 << 20, 88_000_000] {
        let told = sdk::Limits::for_input(input);
        let input = input as u64;
        assert_eq!(told.nodes as u64, host.nodes.of(input));
        assert_eq!(told.events as u64, host.events.of(input));
        assert_eq!(told.sessions as u64, host.sessions.of(input));
        assert_eq!(told.text_bytes as u64, host.text.of(input));
        assert_eq!(told.expanded_bytes as u64, host.expanded.of(input).min(host.expanded_ceiling));
        assert_eq!(told.references as u64, host.references.of(input));
    }
    assert_eq!(sdk::DOCUMENT_BYTES as u64, host.document);
    assert_eq!(sdk::CHILDREN as u64, host.children);
    assert_eq!(sdk::OBJECT_DEPTH as u64, host.depth);
    assert_eq!(sdk::SUB_TYPE_BYTES as u64, host.sub_type);
    assert_eq!((sdk::LOG_LINES as u64, sdk::LOG_LINE_BYTES as u64), (host.log_lines, host.log_line));
    assert_eq!(sdk::REASON_BYTES as u64, host.log_line);
}

#[test]
fn a_text_takes_as_many_bytes_as_the_sdk_tells_authors() {
    for text in ["", "plain", "\"\\/\u{7f}", "\n\r\t\u{8}\u{c}\u{b}\0", "é€😀\u{ffff}"] {
        assert_eq!(sdk::written_bytes(text) as u64, Size::of_str(text).length, "{text:?}");
    }
}

#[test]
fn the_numbers_in_the_contract_are_those_of_the_host() {
    let wit = ["types", "host", "filter"].map(|name| std::fs::read_to_string(root().join(format!("wit/{name}.wit"))).unwrap());
    // Comments wrap where they like.
    let wit = wit.concat().replace("///", " ").split_whitespace().collect::<Vec<_>>().join(" ");
    let host = Limits::PURE;
    let grouped = |number: u64| {
        let digits = number.to_string();
        let (head, tail) = digits.split_at(digits.len() - 3);
        format!("{head},{tail}")
    };
    let kib = |bytes: u64| bytes / 1024;
    let mib = |bytes: u64| bytes / (1024 * 1024);
    for sentence in [
        format!("At most {} + input / {} nodes", host.nodes.constant, host.nodes.divisor),
        format!("{} + input / {} events", host.events.constant, host.events.divisor),
        format!("{} + input / {} sessions", host.sessions.constant, host.sessions.divisor),
        format!("at most {} KiB + {} × input bytes", kib(host.text.constant), host.text.factor),
        format!("at most {} KiB + {} × input bytes", kib(host.expanded.constant), host.expanded.factor),
        format!("never more than {} MiB", mib(host.expanded_ceiling)),
        format!("counts as {} MiB", mib(Limits::INPUT_BYTES)),
        format!("at most {} + input / {} times", grouped(host.references.constant), host.references.divisor),
        format!("1 to {} of them", grouped(host.children)),
        format!("nest at most {} deep", host.depth),
        format!("at most {} bytes", host.sub_type),
        format!("{} lines of {} bytes", host.log_lines, host.log_line),
        format!("({} million units + {} × input", host.fuel.constant / 1_000_000, host.fuel.factor),
        format!("({} MiB + {} × input)", mib(host.memory.constant), host.memory.factor),
        format!("({} MiB + {} × input)", mib(host.output.constant), host.output.factor),
    ] {
        assert!(wit.contains(&sentence), "the contract does not say: {sentence}");
    }
}
