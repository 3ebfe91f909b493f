//! Files that a client fetches or sends.

use filter_sdk::{Node, Rejection, Value, net};

use crate::compat;
use crate::draft::Draft;

/// A file from the network, or what a command wrote to a file: then there is no URL, and perhaps no name.
pub(crate) fn download(draft: &mut Draft<'_>, success: bool) -> Result<(), Rejection> {
    if !draft.mapping.is_full()
        && let Some(url) = draft.fields.text("url")?
    {
        let name = compat::file_name(&url).to_owned();
        return downloaded(draft, success, Some(&url), Some(name));
    }
    let url = draft.event.url()?;
    let name = match url.as_deref().and_then(net::url_file_name) {
        Some(name) => Some(name.to_owned()),
        None => draft.fields.text("destfile")?.and_then(|path| net::last_segment(&path).map(str::to_owned)),
    };
    downloaded(draft, success, url.as_deref(), name)
}

fn downloaded(draft: &mut Draft<'_>, success: bool, url: Option<&str>, name: Option<String>) -> Result<(), Rejection> {
    let url = url.map(|url| draft.attribute("url", url));
    let mut parts = Vec::new();
    parts.extend(name.map(|name| draft.attribute("filename", name)));
    if success {
        parts.extend(sha256(draft)?);
    }
    let mut children = Vec::from_iter(url);
    let mut malicious = children.clone();
    malicious.extend(&parts);
    if !parts.is_empty() {
        let file = draft.object("file", &parts);
        children.push(file);
        malicious.push(file);
    }
    children.push(draft.attribute("success", success));
    draft.event("file_download", children, malicious);
    Ok(())
}

/// A file sent by the client. What such an event calls `url` is a path.
pub(crate) fn upload(draft: &mut Draft<'_>) -> Result<(), Rejection> {
    let mut parts = vec![draft.required("filename", "filename")?];
    parts.extend(sha256(draft)?);
    let file = draft.object("file", &parts);
    let mut children = vec![file];
    let method = method(draft);
    children.extend(method);
    if draft.mapping.is_full() || method.is_some() {
        children.extend(draft.optional("output_file_path", "outfile")?);
    }
    parts.push(file);
    draft.event("file_upload", children, parts);
    Ok(())
}

fn sha256(draft: &mut Draft<'_>) -> Result<Option<Node>, Rejection> {
    let digest = draft.event.sha256()?;
    Ok(digest.map(|digest| draft.attribute("sha256", digest)))
}

/// Only the text for people says how a file was sent. Without text it is an empty list.
fn method(draft: &mut Draft<'_>) -> Option<Node> {
    let Some(Value::Text(message)) = draft.fields.get("message") else { return None };
    let known: &[&str] = if draft.mapping.is_full() { &["SFTP", "SCP"] } else { &["SFTP"] };
    let method = *known.iter().find(|method| message.starts_with(**method))?;
    Some(draft.attribute("method", method))
}
