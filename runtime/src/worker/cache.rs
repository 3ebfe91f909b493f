//! Machine code of components that were compiled before, between runs.
//!
//! Whoever can write machine code here decides what runs in the calling processes: the folder is for this user alone, and
//! every entry carries a code that only a holder of the folder's key can make. An entry that is not as it should be is
//! not used, and made anew.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2_for_hmac::Sha256;
use tempfile::Builder;

use super::wire;
use crate::sandbox::{Compiled, compatibility};
use crate::tahoe::Hash;

/// The largest entry that is read.
const MOST: u64 = 1 << 30;
/// Bytes of the code and of the key, which is as long as a block of the hash.
const CODE: usize = 32;
const KEY: usize = 64;

/// How the names of entries begin that are being written.
const UNFINISHED: &str = "unfinished-";
const HOUR: Duration = Duration::from_secs(3600);

/// A folder of machine code.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    key: [u8; KEY],
    compatibility: u64,
}

impl Cache {
    /// Opens the folder, and makes it if it is not there.
    ///
    /// # Errors
    /// A folder that others may read or write, or that cannot be used.
    pub fn open(folder: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let metadata = fs::symlink_metadata(folder)?;
        // Root may read and write what is another's.
        let own = metadata.uid() == nix::unistd::geteuid().as_raw();
        if !metadata.is_dir() || metadata.mode() & 0o077 != 0 || !own {
            return Err(io::Error::other("it is open to other users: it must be a folder of your own, of mode 0700"));
        }
        remove_leftovers(folder);
        let compatibility = compatibility().map_err(|error| io::Error::other(format!("{error:#}")))?;
        Ok(Self { folder: folder.to_owned(), key: key(&folder.join("key"))?, compatibility })
    }

    /// What was compiled of these bytes on this machine by this version, if it was.
    #[must_use]
    pub fn get(&self, digest: Hash) -> Option<Compiled> {
        let mut bytes = Vec::new();
        File::open(self.path(digest)).ok()?.take(MOST).read_to_end(&mut bytes).ok()?;
        let (code, entry) = bytes.split_at_checked(CODE)?;
        self.code(digest, entry).verify_slice(code).ok()?;
        let (mut stream, mut buffer) = (entry, Vec::new());
        let imports = wire::receive(&mut stream, MOST, &mut buffer).ok()??;
        wire::receive_bytes(&mut stream, MOST, &mut buffer).ok()?.then_some(Compiled { imports, artifact: buffer })
    }

    /// Keeps what was compiled. A full disk is no reason to fail.
    pub fn put(&self, digest: Hash, compiled: &Compiled) {
        if let Err(error) = self.write(digest, compiled) {
            tracing::warn!(folder = %self.folder.display(), %error, "compiled code cannot be kept for the next start");
        }
    }

    fn write(&self, digest: Hash, compiled: &Compiled) -> io::Result<()> {
        let mut entry = Vec::new();
        wire::send(&mut entry, &compiled.imports)?;
        wire::send_bytes(&mut entry, &compiled.artifact)?;
        let mut file = Builder::new().prefix(UNFINISHED).tempfile_in(&self.folder)?;
        file.write_all(&self.code(digest, &entry).finalize().into_bytes())?;
        file.write_all(&entry)?;
        // Whole or not at all.
        file.persist(self.path(digest))?;
        Ok(())
    }

    fn path(&self, digest: Hash) -> PathBuf {
        self.folder.join(format!("{digest}-{:016x}", self.compatibility))
    }

    /// Over the name too: an entry cannot stand for another.
    fn code(&self, digest: Hash, entry: &[u8]) -> Hmac<Sha256> {
        let mut code = Hmac::<Sha256>::new(&self.key.into());
        code.update(digest.as_bytes());
        code.update(&self.compatibility.to_le_bytes());
        code.update(entry);
        code
    }
}

/// Removes what processes left that were killed while they wrote. None writes for an hour.
fn remove_leftovers(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_old =
            || entry.metadata().and_then(|known| known.modified()).is_ok_and(|then| then.elapsed().is_ok_and(|age| age > HOUR));
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) && is_old() {
            // Another process may have been quicker; if it stays, no more than its room is lost.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The folder's key, made when it is first needed.
fn key(path: &Path) -> io::Result<[u8; KEY]> {
    let mut key = [0; KEY];
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            File::open("/dev/urandom")?.read_exact(&mut key)?;
            file.write_all(&key)?;
            Ok(key)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // Another process may be about to write it; then this one has no cache, once.
            File::open(path)?.read_exact(&mut key)?;
            Ok(key)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn compiled() -> Compiled {
        Compiled { artifact: vec![7; 1000], imports: vec!["one".to_owned()] }
    }

    #[test]
    fn what_was_put_is_found_again_by_whoever_has_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let (path, digest) = (folder.path().join("cache"), Hash::of(&[b"component"]));
        Cache::open(&path).unwrap().put(digest, &compiled());
        let found = Cache::open(&path).unwrap().get(digest).unwrap();
        assert_eq!((found.artifact, found.imports), (compiled().artifact, compiled().imports));
        assert!(Cache::open(&path).unwrap().get(Hash::of(&[b"other"])).is_none());
    }

    #[test]
    fn an_entry_that_was_changed_renamed_or_made_with_another_key_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let (digest, other) = (Hash::of(&[b"component"]), Hash::of(&[b"other"]));
        let cache = Cache::open(&path).unwrap();
        cache.put(digest, &compiled());
        let entry = fs::read(cache.path(digest)).unwrap();
        for at in 0..entry.len() {
            let mut changed = entry.clone();
            changed[at] ^= 1;
            fs::write(cache.path(digest), changed).unwrap();
            assert!(cache.get(digest).is_none(), "byte {at}");
        }
        fs::write(cache.path(digest), &entry[..entry.len() - 1]).unwrap();
        assert!(cache.get(digest).is_none());
        fs::write(cache.path(other), &entry).unwrap();
        assert!(cache.get(other).is_none());
        fs::write(cache.path(digest), &entry).unwrap();
        assert!(cache.get(digest).is_some());
        fs::write(path.join("key"), [0; KEY]).unwrap();
        assert!(Cache::open(&path).unwrap().get(digest).is_none());
    }

    #[test]
    fn a_folder_that_others_can_use_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        Cache::open(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(Cache::open(&path).unwrap_err().to_string().contains("0700"));
    }

    #[test]
    fn what_a_killed_process_left_half_written_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let digest = Hash::of(&[b"component"]);
        Cache::open(&path).unwrap().put(digest, &compiled());
        let old = std::time::SystemTime::now() - 2 * HOUR;
        let [left, new] = ["unfinished-a", "unfinished-b"].map(|name| path.join(name));
        for file in [&left, &new] {
            fs::write(file, "half").unwrap();
        }
        for entry in fs::read_dir(&path).unwrap().flatten().filter(|entry| entry.path() != new) {
            File::options().write(true).open(entry.path()).unwrap().set_modified(old).unwrap();
        }
        assert!(Cache::open(&path).unwrap().get(digest).is_some());
        assert!(!left.exists() && new.exists());
    }
}
