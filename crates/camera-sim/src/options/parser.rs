//! The command line and the configuration file as Boost program_options takes them apart, error texts included.

use std::collections::BTreeMap;

use super::table::{Declared, Kind};

/// The text between `ERROR: ***` and `***`.
pub type Refusal = String;

/// Option values by long name; what was not given is not there.
pub type Values = BTreeMap<&'static str, String>;

/// How an option was written; errors repeat it the same way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Long,
    Short,
    ConfigFile,
}

struct Found {
    declared: Declared,
    style: Style,
    value: Option<String>,
}

impl Found {
    fn spelled(&self) -> String {
        match (self.style, self.declared.short) {
            (Style::Long, _) => format!("--{}", self.declared.long),
            (Style::Short, Some(letter)) => format!("-{letter}"),
            _ => self.declared.long.to_owned(),
        }
    }
}

/// Takes the arguments apart. Stray words are passed over, as rpicam-vid does.
pub fn command_line(table: &[Declared], args: &[String]) -> Result<Values, Refusal> {
    let mut found: Vec<Found> = Vec::new();
    // The option before may still take the next bare word.
    let mut hungry = false;
    let mut words = args.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            break;
        }
        let (declared, style, adjacent) = if let Some(long) = word.strip_prefix("--") {
            let (name, adjacent) = match long.split_once('=') {
                Some((name, "")) => {
                    return Err(format!(
                        "the argument for option '--{name}' should follow immediately after the equal sign"
                    ));
                }
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (long, None),
            };
            (by_name(table, name)?, Style::Long, adjacent)
        } else if let Some((letter, rest)) = short(word) {
            let declared = by_letter(table, letter)
                .ok_or_else(|| format!("unrecognised option '-{letter}'"))?;
            (
                declared,
                Style::Short,
                (!rest.is_empty()).then(|| rest.to_owned()),
            )
        } else {
            if hungry && let Some(last) = found.last_mut() {
                last.value = Some(word.clone());
            }
            hungry = false;
            continue;
        };
        let mut option = Found {
            declared,
            style,
            value: adjacent,
        };
        hungry = option.value.is_none() && declared.implicit.is_some();
        if option.value.is_none() && declared.implicit.is_none() {
            // Only a known short option is seen as "not a value": `-o --flush` writes a file of that name.
            let next = words.next().filter(|next| !is_known_short(table, next));
            let missing = || {
                format!(
                    "the required argument for option '{}' is missing",
                    option.spelled()
                )
            };
            option.value = Some(next.ok_or_else(missing)?.clone());
        }
        found.push(option);
    }
    store(found)
}

/// `name=value` lines; `#` opens a comment, `[section]` prefixes what follows.
pub fn config_file(table: &[Declared], text: &str) -> Result<Values, Refusal> {
    let mut found = Vec::new();
    let mut section = String::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = format!("{name}.");
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            return Err(format!(
                "the options configuration file contains an invalid line '{line}'"
            ));
        };
        let name = format!("{section}{}", name.trim());
        let declared = table.iter().find(|d| d.long == name);
        let declared = *declared.ok_or_else(|| format!("unrecognised option '{name}'"))?;
        found.push(Found {
            declared,
            style: Style::ConfigFile,
            value: Some(value.trim().to_owned()),
        });
    }
    store(found)
}

fn store(found: Vec<Found>) -> Result<Values, Refusal> {
    let mut values = Values::new();
    for option in found {
        let name = option.declared.long;
        if values.contains_key(name) {
            return Err(format!(
                "option '{}' cannot be specified more than once",
                option.spelled()
            ));
        }
        let value = match (&option.value, option.declared.implicit) {
            (Some(value), _) => checked(&option, value)?,
            (None, implicit) => implicit.unwrap_or_default().to_owned(),
        };
        values.insert(name, value);
    }
    Ok(values)
}

/// The value in a form that the rest can parse without asking again.
fn checked(option: &Found, value: &str) -> Result<String, Refusal> {
    let known = match option.declared.kind {
        Kind::Text => Some(value.to_owned()),
        Kind::Uint => match value.strip_prefix('-') {
            Some(rest) => rest.parse().ok().map(|n: u32| n.wrapping_neg().to_string()),
            None => value.parse().ok().map(|n: u32| n.to_string()),
        },
        Kind::Int => value.parse().ok().map(|n: i32| n.to_string()),
        Kind::Float => value.parse().ok().map(|n: f32| n.to_string()),
        Kind::Flag => match value.to_ascii_lowercase().as_str() {
            "" | "on" | "yes" | "1" | "true" => Some("true".to_owned()),
            "off" | "no" | "0" | "false" => Some("false".to_owned()),
            _ => None,
        },
    };
    known.ok_or_else(|| {
        let choices = match option.declared.kind {
            Kind::Flag => ". Valid choices are 'on|off', 'yes|no', '1|0' and 'true|false'",
            _ => "",
        };
        format!(
            "the argument ('{value}') for option '{}' is invalid{choices}",
            option.spelled()
        )
    })
}

/// A long name, or the beginning of exactly one.
fn by_name(table: &[Declared], name: &str) -> Result<Declared, Refusal> {
    if let Some(exact) = table.iter().find(|d| d.long == name) {
        return Ok(*exact);
    }
    let mut near: Vec<_> = table.iter().filter(|d| d.long.starts_with(name)).collect();
    near.sort_by_key(|d| d.long);
    match near.as_slice() {
        [] => Err(format!("unrecognised option '--{name}'")),
        [one] => Ok(**one),
        [first @ .., last] => {
            let names: String = first.iter().map(|d| format!("'--{}', ", d.long)).collect();
            Err(format!(
                "option '--{name}' is ambiguous and matches {names}'--{}'",
                last.long
            ))
        }
    }
}

fn by_letter(table: &[Declared], letter: char) -> Option<Declared> {
    table.iter().find(|d| d.short == Some(letter)).copied()
}

/// `-x` or `-xvalue`; a lone `-` is a word.
fn short(word: &str) -> Option<(char, &str)> {
    let mut chars = word.strip_prefix('-')?.chars();
    let letter = chars.next().filter(|&letter| letter != '-')?;
    Some((letter, chars.as_str()))
}

fn is_known_short(table: &[Declared], word: &str) -> bool {
    matches!(short(word), Some((letter, "")) if by_letter(table, letter).is_some())
}

#[cfg(test)]
mod tests {
    use super::super::table::OPTIONS;
    use super::*;

    fn parse(line: &str) -> Result<Values, Refusal> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        command_line(OPTIONS, &args)
    }

    fn check(line: &str, expected: &str) {
        let got = parse(line).unwrap();
        let got: Vec<String> = got
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(got.join(" "), expected, "{line}");
    }

    fn refused(line: &str, expected: &str) {
        assert_eq!(parse(line).unwrap_err(), expected, "{line}");
    }

    #[test]
    fn takes_what_boost_takes() {
        check("", "");
        check("--width 320 --height=240", "height=240 width=320");
        check("--wid 320", "width=320");
        check(
            "-t 0 -n --flush -o -",
            "flush=true nopreview=true output=- timeout=0",
        );
        check("-t0 -o- -n1", "nopreview=true output=- timeout=0");
        check("--hflip 0 --vflip=yes", "hflip=false vflip=true");
        check("-n --codec mjpeg", "codec=mjpeg nopreview=true");
        check(
            "stray words -n --codec mjpeg more",
            "codec=mjpeg nopreview=true",
        );
        check("-v", "verbose=2");
        check("-v 0", "verbose=0");
        check("--hdr -n", "hdr=auto nopreview=true");
        check("--ev -1.5", "ev=-1.5");
        check("--camera -1", "camera=4294967295");
        check("-o --flush", "output=--flush");
        check("-n -- --nonsense", "nopreview=true");
    }

    #[test]
    fn refuses_in_the_same_words() {
        refused("--x", "unrecognised option '--x'");
        refused("-x", "unrecognised option '-x'");
        refused("--x=5", "unrecognised option '--x'");
        refused(
            "--width abc",
            "the argument ('abc') for option '--width' is invalid",
        );
        refused(
            "--width 3.5",
            "the argument ('3.5') for option '--width' is invalid",
        );
        refused(
            "-q high",
            "the argument ('high') for option '-q' is invalid",
        );
        refused(
            "-n extra",
            "the argument ('extra') for option '-n' is invalid. Valid choices are 'on|off', 'yes|no', '1|0' and 'true|false'",
        );
        refused(
            "--width",
            "the required argument for option '--width' is missing",
        );
        refused("-o -n", "the required argument for option '-o' is missing");
        refused(
            "--width=",
            "the argument for option '--width' should follow immediately after the equal sign",
        );
        refused(
            "--width 1 --width 2",
            "option '--width' cannot be specified more than once",
        );
        refused(
            "-t 0 --timeout 5",
            "option '--timeout' cannot be specified more than once",
        );
        refused(
            "--h 1",
            "option '--h' is ambiguous and matches '--hdr', '--height', '--help', '--hflip'",
        );
    }

    #[test]
    fn config_files() {
        let parse = |text| config_file(OPTIONS, text);
        let values =
            parse("# comment\nwidth = 320\nnopreview=\n\ncodec=mjpeg # here too\n").unwrap();
        assert_eq!(values["width"], "320");
        assert_eq!(values["nopreview"], "true");
        assert_eq!(values["codec"], "mjpeg");
        assert_eq!(parse("depth=3").unwrap_err(), "unrecognised option 'depth'");
        assert_eq!(
            parse("width=x").unwrap_err(),
            "the argument ('x') for option 'width' is invalid"
        );
        assert!(parse("width").unwrap_err().contains("invalid line 'width'"));
    }
}
