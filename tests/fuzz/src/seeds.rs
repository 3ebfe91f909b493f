//! Writes what the fuzzers start from, the records of the fixtures, into the folder that is given: `FOLDER/FILTER/*`.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("which folder?")?;
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    for name in ["cowrie", "email", "openphish_feed", "phishtank_feed", "sighting"] {
        let seeds = Path::new(&folder).join(name);
        std::fs::create_dir_all(&seeds)?;
        let files = std::fs::read_dir(fixtures.join(name))?.map(|file| file.map(|file| file.path()));
        for file in files.collect::<Result<Vec<_>, _>>()? {
            if file.extension().is_none_or(|kind| kind != "json") {
                continue;
            }
            let cases: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(&file)?)?;
            for (index, case) in cases.iter().enumerate() {
                let data = &case["raw"]["data"];
                let seed = match data["data"].as_str() {
                    Some(text) if !matches!(name, "cowrie" | "sighting") => text.to_owned(),
                    _ => data.to_string(),
                };
                let stem = file.file_stem().unwrap_or_default().to_string_lossy();
                std::fs::write(seeds.join(format!("{stem}-{index}")), seed)?;
            }
        }
    }
    Ok(())
}
