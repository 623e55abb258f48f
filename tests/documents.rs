//! What the documents say of the program, held against the program.

// What is made from the definition of the options.
#[cfg(test)]
#[path = "documents/generated.rs"]
mod generated;

// What the guides show, read as castoff reads it.
#[cfg(test)]
#[path = "documents/guides.rs"]
mod guides;

// What each format does by itself.
#[cfg(test)]
#[path = "documents/policies.rs"]
mod policies;

// Every message of the program, in one file.
#[cfg(test)]
#[path = "documents/words.rs"]
mod words;

#[cfg(test)]
mod documents {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use castoff::cli::options::OPTIONS;
    use castoff::exit::Exit;

    pub(super) fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR"))
    }

    pub(super) fn read(path: impl AsRef<Path>) -> String {
        let path = root().join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The lines of the tables below a heading, up to the next one of its rank.
    fn tables<'t>(text: &'t str, heading: &str) -> Vec<&'t str> {
        let below = text.split(heading).nth(1).unwrap_or_else(|| panic!("no {heading:?}"));
        let section = below.split("\n## ").next().expect("a section");
        section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| flag")).collect()
    }

    /// The flags that the first cells of these rows name; `--a-{b,c}` is `--a-b` and `--a-c`.
    fn flags(rows: &[&str]) -> BTreeSet<String> {
        let cells = rows.iter().filter_map(|row| row.split('|').nth(1));
        let words = cells.flat_map(|cell| cell.split(['`', ' '])).filter_map(|word| word.strip_prefix("--"));
        words
            .flat_map(|word| match word.split_once('{') {
                Some((stem, endings)) => {
                    endings.trim_end_matches('}').split(',').map(|ending| format!("{stem}{ending}")).collect()
                }
                None => vec![word.to_owned()],
            })
            .collect()
    }

    #[test]
    fn the_readme_lists_every_option_there_is_and_no_other() {
        let readme = read("README.md");
        let mut named = flags(&tables(&readme, "## Options"));
        // Named in the sentence on logs.
        for flag in ["log-format", "log-level"] {
            assert!(readme.contains(&format!("`--{flag} ")), "--{flag}");
            named.insert(flag.to_owned());
        }
        let known: BTreeSet<String> = OPTIONS.iter().map(|option| option.flag.to_owned()).collect();
        assert_eq!(named, known);
    }

    #[test]
    fn the_readme_lists_every_exit_code() {
        let readme = read("README.md");
        let rows = tables(&readme, "## Exit codes");
        let cells = rows.iter().filter_map(|row| row.split('|').nth(1));
        let listed: BTreeSet<u8> =
            cells.flat_map(|cell| cell.split(" / ")).filter_map(|code| code.trim().parse().ok()).collect();
        let known: BTreeSet<u8> = Exit::ALL.iter().map(|exit| exit.code()).chain([0]).collect();
        assert_eq!(listed, known);
    }

    #[test]
    fn the_readmes_dockerfile_has_six_lines() {
        let readme = read("README.md");
        let dockerfile = readme.split("```dockerfile\n").nth(1).and_then(|rest| rest.split("```").next());
        assert_eq!(dockerfile.expect("a Dockerfile").lines().count(), 6);
    }

    #[test]
    fn every_link_between_the_documents_leads_somewhere() {
        let mut links = 0;
        for document in documents(root()) {
            let text = read(&document);
            for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let target = link.split('#').next().expect("a part before the fragment");
                if target.is_empty() || target.contains("://") {
                    continue;
                }
                let path = document.parent().expect("a directory").join(target);
                assert!(path.exists(), "{} links to {link}", document.display());
                links += 1;
            }
        }
        assert!(links > 5, "{links} links are too few to be all");
    }

    /// Every Markdown file of the project.
    fn documents(directory: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(directory).expect("a directory").flatten().map(|entry| entry.path());
        entries
            .flat_map(|path| {
                let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                match path.is_dir() {
                    true if name == "target" || name.starts_with('.') => Vec::new(),
                    true => documents(&path),
                    false if Path::new(&name).extension().is_some_and(|extension| extension == "md") => {
                        vec![path]
                    }
                    false => Vec::new(),
                }
            })
            .collect()
    }
}
