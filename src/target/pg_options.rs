//! libpq's `options`: command-line options for the server, of which castoff takes the settings.

/// Reads `-c name=value` and `--name=value`, separated by white space, a backslash taking the next character as it is
/// (PostgreSQL's `pg_split_opts`). Any other option is an error.
pub(crate) fn parse(options: &str) -> Result<Vec<(String, String)>, String> {
    let mut settings = Vec::new();
    let mut words = split(options).into_iter();
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
            Some("") if word == "-c" => words.next().ok_or("ends with a `-c` that has no setting")?,
            Some(setting) => setting.to_owned(),
            None => {
                return Err("holds something other than settings; write -c name=value, percent-encoded \
                            -c%20name%3Dvalue"
                    .to_owned());
            }
        };
        let (name, value) = setting
            .split_once('=')
            .ok_or("holds a setting without `=`; write for example -c search_path=app")?;
        // The server takes `-` in a name for `_` (ParseLongOption).
        let name = name.replace('-', "_");
        let fine = |letter: char| letter.is_ascii_alphanumeric() || "_.$".contains(letter);
        if name.is_empty() || !name.chars().all(fine) {
            return Err("holds a setting with an odd name; write for example -c search_path=app".to_owned());
        }
        settings.push((name, value.to_owned()));
    }
    Ok(settings)
}

fn split(options: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = options.chars();
    while let Some(letter) = letters.next() {
        if letter.is_ascii_whitespace() {
            words.extend(word.take());
            continue;
        }
        let letter = if letter == '\\' { letters.next() } else { Some(letter) };
        word.get_or_insert_with(String::new).extend(letter);
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn setting(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn settings_are_read_as_the_server_reads_them() {
        let settings =
            parse(r"-c search_path=a,b --statement-timeout=5s  -cwork_mem=4MB -c my.name=x\ y\\z").unwrap();
        let wanted = [
            setting("search_path", "a,b"),
            setting("statement_timeout", "5s"),
            setting("work_mem", "4MB"),
            setting("my.name", r"x y\z"),
        ];
        assert_eq!(settings, wanted);
        assert_eq!(parse("  "), Ok(vec![]));
    }

    #[test]
    fn any_other_option_is_refused() {
        for options in ["-d 5", "search_path=a", "-c", "-c search_path", "--search path=a", "-c +a=b"] {
            assert!(parse(options).is_err(), "{options}");
        }
    }
}
