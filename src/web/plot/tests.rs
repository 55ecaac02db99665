//! Plots are well-formed, escaped, and draw what they are given.

use super::*;

fn caption() -> Caption {
    Caption {
        id: "p".to_owned(),
        title: "A <b> & \"c\"".to_owned(),
        sentence: "Three 'lines'".to_owned(),
    }
}

fn well_formed(svg: &str) {
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"), "{svg}");
    assert!(!svg.contains("style=") && !svg.contains("<script"), "{svg}");
    assert!(svg.contains("A &lt;b&gt; &amp; &quot;c&quot;"), "{svg}");
    for tag in ["svg", "text", "pattern", "defs", "title", "desc"] {
        let opened = svg.matches(&format!("<{tag} ")).count() + svg.matches(&format!("<{tag}>")).count();
        assert_eq!(opened, svg.matches(&format!("</{tag}>")).count(), "{tag}: {svg}");
    }
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
}

#[test]
fn bars_are_as_long_as_their_figures() {
    let bar = |name: &str, value: Option<u64>, beyond| Bar {
        name: name.to_owned(),
        value,
        figure: value.map_or("<10".to_owned(), |value| value.to_string()),
        beyond,
    };
    let svg = bars(
        &caption(),
        &[
            bar("long", Some(100), false),
            bar("half", Some(50), true),
            bar("few", None, false),
        ],
    );
    well_formed(&svg);
    assert!(
        svg.contains("width=\"610.0\"") && svg.contains("width=\"305.0\""),
        "{svg}"
    );
    assert!(
        svg.contains("fill=\"url(#p-p1)\"") && svg.contains(">&lt;10<"),
        "{svg}"
    );
    well_formed(&bars(&caption(), &[]));
}

#[test]
fn pairs_stand_on_both_sides_of_the_line() {
    let rows: Vec<Pair> = (0..60)
        .map(|week| Pair {
            name: format!("w{week}"),
            up: Some(week),
            down: (week % 2 == 0).then_some(10),
        })
        .collect();
    let svg = pairs(&caption(), ("given", "withdrawn"), &rows);
    well_formed(&svg);
    assert!(svg.matches("plot-bar").count() >= 120);
    // Not every week has its name under it.
    assert!(svg.contains(">w0<") && !svg.contains(">w1<"));
    well_formed(&pairs(&caption(), ("", ""), &[]));
}

#[test]
fn lines_break_where_a_figure_is_hidden() {
    let row = |tenths: &[Option<u64>]| Series {
        name: "s".to_owned(),
        tenths: tenths.to_vec(),
    };
    let places: Vec<String> = (1..=4).map(|month| format!("2027-0{month}")).collect();
    let svg = lines(
        &caption(),
        &places,
        &[row(&[Some(500), None, Some(1_000), Some(0)]), row(&[None; 4])],
    );
    well_formed(&svg);
    assert_eq!(svg.matches('M').count(), 2, "{svg}");
    assert!(svg.contains("stroke-dasharray=\"9 5\""));
    well_formed(&lines(&caption(), &[], &[]));
}
