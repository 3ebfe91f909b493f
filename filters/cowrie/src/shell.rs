//! Logins and commands.

use filter_sdk::Rejection;

use crate::draft::Draft;

/// A login by password, by key, or by neither: only the user name is always there.
pub(crate) fn login(draft: &mut Draft<'_>, success: bool) -> Result<(), Rejection> {
    let mut parts = vec![draft.required("username", "username")?];
    let password = draft.optional("password", "password")?;
    parts.extend(password);
    if draft.mapping.is_full() || password.is_none() {
        parts.extend(draft.optional("fingerprint", "fingerprint")?);
        parts.extend(crate::client::key(draft)?);
    }
    let credential = draft.object("credential", &parts);
    let success = draft.attribute("success", success);
    // Until 3.0.6 only the first event of a session says its protocol; what has none was nearly always SSH.
    let method = match draft.fields.filled_text("protocol")? {
        Some(protocol) if draft.mapping.is_full() => draft.attribute("method", protocol),
        _ => draft.attribute("method", "ssh"),
    };
    draft.event("login", vec![credential, success, method], vec![credential]);
    Ok(())
}

/// A command line, or one command of it with whether the honeypot knows it.
pub(crate) fn command(draft: &mut Draft<'_>, success: Option<bool>) -> Result<(), Rejection> {
    let command = draft.required("shell_command", "input")?;
    let mut children = vec![command];
    children.extend(success.map(|success| draft.attribute("success", success)));
    draft.event("shell_command", children, vec![command]);
    Ok(())
}
