//! Connections to third parties that a client asks for (`direct-tcpip`).
//!
//! The sensor forwards on the attacker's behalf, so it is the traffic's source; the attacker is in `attacker`.

use cowrie_event::Endpoint;
use filter_sdk::{Node, Rejection, Scalar};

use crate::draft::Draft;

/// A client asks for a connection.
pub(crate) fn request(draft: &mut Draft<'_>) -> Result<(), Rejection> {
    let target = required_target(draft)?;
    let mut source = sensor(draft)?;
    if draft.mapping.is_full() {
        source.extend(claimed_origin(draft)?);
    }
    traffic(draft, vec![target], &source);
    Ok(())
}

/// A client sends data to the target. The proxy tells of it without the data.
pub(crate) fn data(draft: &mut Draft<'_>) -> Result<(), Rejection> {
    let mut children = Vec::new();
    children.extend(draft.optional("data", "data")?);
    children.push(required_target(draft)?);
    let source = sensor(draft)?;
    traffic(draft, children, &source);
    Ok(())
}

/// A fingerprint of what a client sends to the target. Until 3.0.6 the proxy does not name the target.
pub(crate) fn trait_of_traffic(draft: &mut Draft<'_>, name: &str) -> Result<(), Rejection> {
    let mut children = vec![draft.required(name, name)?];
    children.extend(target(draft)?);
    let source = sensor(draft)?;
    traffic(draft, children, &source);
    Ok(())
}

fn traffic(draft: &mut Draft<'_>, mut children: Vec<Node>, source: &[Node]) {
    children.push(draft.attribute("protocol", "TCP"));
    if !source.is_empty() {
        children.push(draft.object("src", source));
    }
    draft.event("network_traffic", children, Vec::new());
}

fn required_target(draft: &mut Draft<'_>) -> Result<Node, Rejection> {
    target(draft)?.ok_or_else(|| Rejection::new("expected `dst_ip`, which is absent or null"))
}

fn target(draft: &mut Draft<'_>) -> Result<Option<Node>, Rejection> {
    let Some(target) = draft.event.target()? else { return Ok(None) };
    let port = match draft.fields.whole_number("dst_port")? {
        Some(port) => port,
        None => draft
            .fields
            .whole_number("dest_port")?
            .ok_or_else(|| Rejection::new("expected `dst_port`, which is absent or null"))?,
    };
    let target = match target {
        // As written: the first of its two names that is there is the one that was read.
        _ if !draft.mapping.is_full() => match draft.optional("url", "dst_ip")? {
            Some(written) => written,
            None => draft.required("url", "dest_ip")?,
        },
        target => draft.endpoint(target),
    };
    let parts = [target, draft.attribute("port", port)];
    Ok(Some(draft.object("dst", &parts)))
}

/// What the traffic comes from, unless the mapping keeps nothing of it.
fn sensor(draft: &mut Draft<'_>) -> Result<Vec<Node>, Rejection> {
    if !draft.mapping.is_full() {
        return Ok(Vec::new());
    }
    let sensor = draft.fields.filled_text("sensor")?;
    Ok(sensor.map(|sensor| draft.attribute("hostname", sensor)).into_iter().collect())
}

/// Where the client says that the connection comes from: `orig_*` since 3.0.6. Before, its port was in `src_port`,
/// which is now the port of the peer. A port of 0 says nothing.
fn claimed_origin(draft: &mut Draft<'_>) -> Result<Vec<Node>, Rejection> {
    let fields = draft.fields;
    let has_origin = fields.get("orig_ip").is_some() || fields.get("orig_port").is_some();
    let mut parts = Vec::new();
    if let Some(address) = fields.filled_text("orig_ip")? {
        parts.push(draft.endpoint(Endpoint::of(address)));
    }
    let port = fields.whole_number(if has_origin { "orig_port" } else { "src_port" })?;
    if let Some(port) = port.filter(|port| *port != Scalar::Integer(0)) {
        parts.push(draft.attribute("port", port));
    }
    Ok(parts)
}
