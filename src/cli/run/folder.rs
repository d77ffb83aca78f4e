//! A temporary folder.

use std::io;
use std::path::{Path, PathBuf};

/// A folder that goes when this does.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// A fresh one, for nobody else to read.
    pub fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("stepwell-run-{}", uuid::Uuid::new_v4().simple()));
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
