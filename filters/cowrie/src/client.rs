//! What an SSH client says of itself: its version, its algorithms, its terminal, its keys.

use filter_sdk::limits::CHILDREN;
use filter_sdk::text::unwrap_literal;
use filter_sdk::{Node, Rejection};

use crate::draft::Draft;

/// The algorithms that a client offers, and their digest. What implementers appended to the names (`@openssh.com`) is
/// cut off, but not from compressions: there it is another algorithm.
pub(crate) fn key_exchange(draft: &mut Draft<'_>) -> Result<(), Rejection> {
    let hassh = draft.required("hassh", "hassh")?;
    let mut parts = vec![hassh];
    // The event itself and its attacker still need their places.
    let mut room = draft.answer.spare_nodes().saturating_sub(8).min(CHILDREN - 2);
    let mut left_out = draft.fields.skipped();
    for (sub_type, field) in [
        ("encr_algo", "encCS"),
        ("comp_algo", "compCS"),
        ("kex_algo", "kexAlgs"),
        ("pub_key_algo", "keyAlgs"),
        ("mac_algo", "macCS"),
    ] {
        let is_compression = sub_type == "comp_algo";
        let before = parts.len();
        for name in draft.fields.texts(field)? {
            let name = unwrap_literal(&name);
            let name = if is_compression { name } else { name.split('@').next().unwrap_or(name) };
            if name.is_empty() {
                continue;
            }
            if room == 0 {
                left_out += 1;
                continue;
            }
            room -= 1;
            parts.push(draft.attribute(sub_type, name));
        }
        if is_compression && parts.len() == before {
            parts.push(draft.attribute(sub_type, "none"));
        }
    }
    if left_out > 0 {
        draft.host.warn(&format!("a client offers more algorithms than the archive takes: {left_out} left out"));
    }
    let exchange = draft.object("ssh_key_exchange", &parts);
    draft.event("ssh", vec![exchange], vec![hassh]);
    Ok(())
}

/// The size of the terminal. Until 1.5.3 width and height are exchanged, and nothing in the record tells.
pub(crate) fn terminal_size(draft: &mut Draft<'_>) -> Result<(), Rejection> {
    let (height, width) = (draft.fields.required_whole_number("height")?, draft.fields.required_whole_number("width")?);
    let parts = [draft.attribute("height", height), draft.attribute("width", width)];
    let size = draft.object("ssh_client_size", &parts);
    draft.event("ssh", vec![size], vec![size]);
    Ok(())
}

/// An environment variable.
pub(crate) fn variable(draft: &mut Draft<'_>) -> Result<(), Rejection> {
    let (name, value) = (draft.fields.required_text("name")?, draft.fields.required_text("value")?);
    let assignment = draft.attribute("ssh_client_env", format!("{name}={value}"));
    draft.event("ssh", vec![assignment], vec![assignment]);
    Ok(())
}

/// The version string; whatever the client sent first, in truth.
pub(crate) fn version(draft: &mut Draft<'_>) -> Result<(), Rejection> {
    let version = draft.fields.required_text("version")?;
    let version = draft.attribute("ssh_version", unwrap_literal(&version));
    draft.event("ssh", vec![version], Vec::new());
    Ok(())
}

/// A public key that was offered.
pub(crate) fn fingerprint(draft: &mut Draft<'_>) -> Result<(), Rejection> {
    let username = draft.required("username", "username")?;
    let fingerprint = draft.required("fingerprint", "fingerprint")?;
    let mut parts = vec![username, fingerprint];
    parts.extend(key(draft)?);
    let key = draft.object("ssh_key", &parts);
    draft.event("ssh", vec![key], vec![fingerprint, key]);
    Ok(())
}

/// The key's type and the key, as far as known. T-Pot writes its own mark over the type.
pub(crate) fn key(draft: &mut Draft<'_>) -> Result<Vec<Node>, Rejection> {
    const MARK_OF_TPOT: &str = "Cowrie";
    let key_type = draft.fields.text("type")?.filter(|key_type| key_type != MARK_OF_TPOT);
    let mut parts = Vec::new();
    parts.extend(key_type.map(|key_type| draft.attribute("key_type", key_type)));
    parts.extend(draft.optional("public_key", "key")?);
    Ok(parts)
}
