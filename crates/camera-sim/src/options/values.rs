//! Values that rpicam-vid reads itself, behind the option parser: times, bit rates, lists of numbers.

use super::parser::Refusal;

/// A time in nanoseconds; a bare number is in units of `default_ns`. Junk behind the number is passed over.
pub fn time_ns(text: &str, default_ns: f32) -> Result<i64, Refusal> {
    let (number, rest) = leading_float(text).ok_or("Invalid time string provided")?;
    let unit = match rest {
        "min" => 60e9,
        "sec" | "s" => 1e9,
        "ms" => 1e6,
        "us" => 1e3,
        "ns" => 1.0,
        _ => default_ns,
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates, where C++ leaves it open"
    )]
    Ok((number * unit) as i64)
}

/// Bits per second. The capital M counts thousands: a bug of rpicam-vid which callers must know.
pub fn bitrate_bps(text: &str) -> Result<u64, Refusal> {
    let (number, rest) = leading_float(text).ok_or("Invalid bitrate string provided")?;
    let unit = match rest {
        "kbps" | "k" | "K" | "M" => 1e3,
        "mbps" | "m" => 1e6,
        _ => 1.0,
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates; a negative rate is none"
    )]
    Ok((number * unit) as u64)
}

/// How many numbers `text` begins with, separated by commas, counted up to `most`; like `sscanf("%f,%f")`.
pub fn count_floats(text: &str, most: usize) -> usize {
    let mut rest = text;
    for n in 0..most {
        let Some((_, behind)) = leading_float(rest) else {
            return n;
        };
        match behind.strip_prefix(',') {
            Some(more) => rest = more,
            None => return n + 1,
        }
    }
    most
}

/// The number a text begins with and what stands behind it, as `strtof` has it (without hex).
pub fn leading_float(text: &str) -> Option<(f32, &str)> {
    let text = text.trim_start();
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        bytes[from..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count()
    };
    let mut at = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let whole = digits(at);
    at += whole;
    let mut fraction = 0;
    if bytes.get(at) == Some(&b'.') {
        fraction = digits(at + 1);
        at += 1 + fraction;
    }
    if whole + fraction == 0 {
        return None;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let from = at + 1 + sign;
        if from < bytes.len() && digits(from) > 0 {
            at = from + digits(from);
        }
    }
    Some((text[..at].parse().ok()?, &text[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        // A float of 32 bits, so a long time is off by some microseconds.
        let check = |text, expected_ms| {
            let got = time_ns(text, 1e6).map(|ns| ns / 1_000_000);
            assert_eq!(got, Ok(expected_ms), "{text}");
        };
        check("0", 0);
        check("5000", 5000);
        check("5s", 5000);
        check("5sec", 5000);
        check("1.5s", 1500);
        check("2min", 120_000);
        check("250ms", 250);
        check("3000us", 3);
        check("7days", 7);
        check("-1", -1);
        assert_eq!(
            time_ns("soon", 1e6),
            Err("Invalid time string provided".to_owned())
        );
        assert_eq!(time_ns("10ms", 1e3), Ok(10_000_000));
        assert_eq!(time_ns("10", 1e3), Ok(10_000));
    }

    #[test]
    fn bit_rates() {
        let check = |text, expected| assert_eq!(bitrate_bps(text), Ok(expected), "{text}");
        check("0bps", 0);
        check("2000000", 2_000_000);
        check("400k", 400_000);
        check("4m", 4_000_000);
        check("4mbps", 4_000_000);
        check("4M", 4_000);
        assert!(bitrate_bps("fast").is_err());
    }

    #[test]
    fn lists() {
        let check = |text, expected| assert_eq!(count_floats(text, 4), expected, "{text}");
        check("0.25,0.25,0.5,0.5", 4);
        check("0,0,1,1,9", 4);
        check("0.25,0.25", 2);
        check("a", 0);
        check("1,,2", 1);
        check(".5,1e-1", 2);
    }
}
