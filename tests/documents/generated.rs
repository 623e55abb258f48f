//! The man page and the shell completions: made from the one definition of the options, and kept beside the source so
//! that a package or a Dockerfile can copy them.

use std::fs;
use std::io::Write;
use std::path::Path;

use castoff::cli::definition::definition;
use castoff::exit;
use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

/// Makes every file again instead of comparing it.
pub(super) const UPDATE: &str = "CASTOFF_TEST_UPDATE";

/// Each file with what belongs in it.
fn generated() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for (shell, name) in
        [(Shell::Bash, "castoff.bash"), (Shell::Zsh, "_castoff"), (Shell::Fish, "castoff.fish")]
    {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut definition(), "castoff", &mut text);
        files.push((format!("docs/completions/{name}"), text));
    }
    files.push(("docs/castoff.1".into(), man_page()));
    files
}

/// One page with every subcommand in it, where clap would have a page of each.
fn man_page() -> Vec<u8> {
    // The version is the package's alone: what is built in stands on other lines. The date is nobody's business.
    let mut castoff = definition().version(env!("CARGO_PKG_VERSION"));
    castoff.build();
    let page = Man::new(castoff.clone()).date("");
    let mut text = Vec::new();
    let written = (|| {
        page.render_title(&mut text)?;
        page.render_name_section(&mut text)?;
        page.render_synopsis_section(&mut text)?;
        writeln!(text, ".SH SUBCOMMANDS")?;
        for subcommand in castoff.get_subcommands() {
            write!(text, "{}", section(subcommand))?;
        }
        page.render_options_section(&mut text)?;
        writeln!(text, ".SH EXIT STATUS\n.nf\n{}.fi", escaped(&exit::table()))?;
        std::io::Result::Ok(())
    })();
    written.expect("a page in memory");
    text
}

/// A subcommand with the options that no other has.
fn section(subcommand: &Command) -> String {
    let name = subcommand.get_bin_name().unwrap_or_default();
    let about = subcommand.get_about().map(ToString::to_string).unwrap_or_default();
    let mut text = format!(".SS {}\n{}\n", escaped(name), escaped(&about));
    let own = subcommand.get_arguments().filter(|argument| !argument.is_global_set());
    for argument in own.filter(|argument| !["help", "version"].contains(&argument.get_id().as_str())) {
        let flag = argument.get_long().map_or_else(|| "TOPIC".to_owned(), |long| format!("--{long}"));
        let takes = argument.get_action().takes_values() && argument.get_long().is_some();
        let value = argument.get_value_names().filter(|_| takes).map(|names| format!(" {}", names.join(" ")));
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        text += &format!(
            ".TP\n.B {}{}\n{}\n",
            escaped(&flag),
            escaped(&value.unwrap_or_default()),
            escaped(&help)
        );
    }
    text
}

/// Text that begins no request and holds no hyphen that would be set as a dash.
fn escaped(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        if line.starts_with(['.', '\'']) { format!("\\&{line}\n") } else { format!("{line}\n") }
    });
    lines.collect::<String>().trim_end_matches('\n').to_owned() + if text.ends_with('\n') { "\n" } else { "" }
}

#[test]
fn man_page_and_completions_are_those_of_this_version() {
    for (name, text) in generated() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&name);
        if std::env::var_os(UPDATE).is_some() {
            fs::create_dir_all(path.parent().expect("a directory")).expect("the directory");
            fs::write(&path, &text).expect("the file");
        }
        let found = fs::read(&path).unwrap_or_default();
        assert!(
            found == text,
            "{name} is of another version: {UPDATE}=1 cargo test --test documents makes it again"
        );
    }
}

#[test]
fn the_man_page_holds_every_option_with_its_variable() {
    let (_, page) = generated().pop().expect("the page");
    let page = String::from_utf8(page).expect("text").replace("\\-", "-");
    for option in castoff::cli::options::OPTIONS {
        assert!(page.contains(&format!("--{}", option.flag)), "--{}", option.flag);
        assert!(page.contains(&option.variable()), "{}", option.variable());
    }
}

/// What bash offers behind these words.
fn completed(words: &[&str]) -> Vec<String> {
    let (last, count) = (words.last().expect("a word"), words.len());
    let script = format!(
        "source docs/completions/castoff.bash; COMP_WORDS=({}); COMP_CWORD={}; _castoff castoff '{last}' '{}'; \
         echo \"${{COMPREPLY[@]}}\"",
        words.join(" "),
        count - 1,
        words[count - 2]
    );
    let mut bash = std::process::Command::new("bash");
    let said = bash.args(["-c", &script]).current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("bash");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8_lossy(&said.stdout).split_whitespace().map(str::to_owned).collect()
}

#[test]
fn bash_completes_options_and_subcommands() {
    assert_eq!(completed(&["castoff", "--migrations", "x", "--lock-t"]), ["--lock-timeout"]);
    assert_eq!(completed(&["castoff", "health", "--req"]), ["--require"]);
    assert!(completed(&["castoff", "re"]).contains(&"resolve".to_owned()));
}
