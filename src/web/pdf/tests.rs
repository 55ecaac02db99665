use super::*;

/// The letters that a file shows, in their order: what stands between `(` and `) Tj`.
fn shown(bytes: &[u8]) -> Vec<String> {
    let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    text.lines()
        .filter_map(|line| line.strip_suffix(" Tj")?.strip_prefix('(')?.strip_suffix(')'))
        .map(|line| line.replace("\\(", "(").replace("\\)", ")"))
        .collect()
}

fn sample() -> Vec<u8> {
    let mut document = Document::new("Bewijs van je keuze", Language::Nl);
    document.paragraph("Eén zin. € 5 – “ja”, zei Łukasz Şahin (12).");
    document.heading("Kop");
    document.row("Bibliotheek", "Bibliotheek De Linde");
    let rows: Vec<[String; 2]> = (1..=120)
        .map(|n| [format!("rij {n}"), format!("waarde {n}")])
        .collect();
    document.table(["Naam", "Waarde"], &rows);
    document.finish()
}

#[test]
fn what_was_written_is_shown_on_numbered_pages() {
    let bytes = sample();
    assert!(bytes.starts_with(b"%PDF-1.7\n"));
    let lines = shown(&bytes);
    assert_eq!(lines[0], "Bewijs van je keuze");
    assert!(lines.contains(&"Kop".to_owned()) && lines.contains(&"Bibliotheek De Linde".to_owned()));
    for n in 1..=120 {
        assert_eq!(
            lines
                .iter()
                .filter(|line| **line == format!("waarde {n}"))
                .count(),
            1,
            "{n}"
        );
    }
    let pages = lines.iter().filter(|line| line.starts_with("Pagina ")).count();
    assert!(pages > 1);
    assert!(lines.contains(&format!("Pagina {pages} van {pages}")));
    // The head of the table stands on every page that it goes on to.
    assert_eq!(lines.iter().filter(|line| *line == "Naam").count(), pages);
    assert_eq!(bytes, sample());
}

#[test]
fn letters_are_those_of_windows_1252_or_alike() {
    assert_eq!(windows_1252("é€–’"), [0xe9, 0x80, 0x96, 0x92]);
    assert_eq!(windows_1252("Łukasz Şahin ğ 好"), b"Lukasz Sahin g ?");
}

#[test]
fn lines_are_broken_at_spaces_and_within_words_that_are_too_long() {
    let fits =
        |lines: &[Vec<u8>], room: f32| lines.iter().all(|line| length(line, 11.0, Face::Regular) <= room);
    let text = "Je hebt gekozen voor de nieuwsbrief van Bibliotheek De Linde";
    let lines = wrap(text, 11.0, Face::Regular, 120.0);
    assert!(lines.len() > 2 && fits(&lines, 120.0));
    assert_eq!(lines.join(&b' '), text.as_bytes());
    let lines = wrap(&"x".repeat(100), 11.0, Face::Regular, 120.0);
    assert!(lines.len() > 2 && fits(&lines, 120.0));
    assert_eq!(lines.concat(), "x".repeat(100).as_bytes());
    assert_eq!(wrap("a\n\nb", 11.0, Face::Regular, 120.0).len(), 3);
}

#[test]
fn columns_share_the_width_of_the_page() {
    let rows = [["kort".to_owned(), "lang ".repeat(80), "1".to_owned()]];
    let widths = columns(&["Een", "Twee", "Drie"], &rows);
    let sum: f32 = widths.iter().sum();
    assert!(sum + 2.0 * GUTTER <= column() + 2.0, "{widths:?}");
    assert!(widths[0] < 40.0 && widths[1] > 300.0, "{widths:?}");
}

#[test]
fn an_independent_reader_finds_the_same_text() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sample.pdf");
    std::fs::write(&file, sample()).unwrap();
    // Where the tool is not installed, the test above has to do.
    let Ok(read) = std::process::Command::new("pdftotext")
        .arg(&file)
        .arg("-")
        .output()
    else {
        return;
    };
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let text = String::from_utf8(read.stdout).unwrap();
    assert!(
        text.contains("Eén zin. € 5 – “ja”, zei Lukasz Sahin (12)."),
        "{text}"
    );
    assert!(text.contains("waarde 120") && read.stderr.is_empty(), "{text}");
}
