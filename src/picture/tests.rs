use super::layout::{Layout, Size, layout};
use super::svg::{MOST_SHADE, STYLE, fit};
use super::*;

fn operator(name: &str) -> Operator {
    let fields = vec![("on".to_string(), format!("{name} = 1"))];
    Operator { name: name.into(), remark: "blocks".into(), fields, figures: "7 rows".into(), share: 0.5 }
}

fn card(operators: usize) -> Card {
    let operators = (0..operators).map(|level| operator(&format!("operator-{level}"))).collect();
    Card { kind: Kind::Operator, operators, notes: vec!["a note".into()], share: 0.5 }
}

fn arrow(from: usize, to: usize, end: End) -> Arrow {
    Arrow { from, to, end, label: vec!["hash(k)".into()], details: "all of it".into(), weight: 0.5 }
}

/// A plan whose cards read from others before them, and one that reads from none.
fn random(seed: u64, cards: usize) -> Picture {
    let mut state = seed;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut picture = Picture { title: vec!["a plan".into()], ..Picture::default() };
    for index in 0..cards {
        picture.cards.push(card(1 + next(3)));
        if index > 0 {
            for input in 0..next(3) {
                let end = if next(4) == 0 {
                    End::Memory(next(picture.cards[index].operators.len()))
                } else {
                    End::Input(input)
                };
                picture.arrows.push(arrow(next(index), index, end));
            }
        }
    }
    picture
}

fn sizes(picture: &Picture) -> Vec<Size> {
    let size = |card: &Card| {
        let operators = card.operators.len();
        let middle = |level: usize| 50.0 * (operators - level) as f64 - 25.0;
        Size { width: 120.0, height: 50.0 * operators as f64, operators: (0..operators).map(middle).collect() }
    };
    picture.cards.iter().map(size).collect()
}

#[test]
fn cards_are_below_their_readers_and_beside_each_other() {
    for seed in 0..200 {
        let picture = random(seed, 1 + seed as usize % 30);
        let sizes = sizes(&picture);
        let Layout { width, height, cards, arrows } = layout(&sizes, &picture.arrows);
        for (index, (at, size)) in cards.iter().zip(&sizes).enumerate() {
            assert!(at.x > -0.01 && at.y >= 0.0 && at.x + size.width <= width + 0.01 && at.y + size.height <= height);
            for (other, (beside, size_of)) in cards.iter().zip(&sizes).enumerate().skip(index + 1) {
                let apart = at.x + size.width <= beside.x + 0.01
                    || beside.x + size_of.width <= at.x + 0.01
                    || at.y + size.height < beside.y
                    || beside.y + size_of.height < at.y;
                assert!(apart, "seed {seed}: {index} and {other}");
            }
        }
        for (arrow, way) in picture.arrows.iter().zip(&arrows) {
            let (from, to) = (cards[arrow.from], cards[arrow.to]);
            assert!(to.y + sizes[arrow.to].height < from.y, "seed {seed}: {arrow:?}");
            assert!(way.start.y == from.y && (from.x..=from.x + 120.0).contains(&way.start.x));
            assert!(way.bends.iter().all(|(lower, upper)| lower.y > upper.y), "seed {seed}: {arrow:?}");
            // Upright before its tip, and all that climbs far enough not to be flat.
            for (lower, upper) in &way.bends {
                let (height, aside) = (lower.y - upper.y, (lower.x - upper.x).abs());
                assert!(height >= (aside / 10.0).min(60.0) - 0.01, "seed {seed}: {height} high, {aside} aside");
            }
            match arrow.end {
                End::Input(_) => {
                    assert!(way.bends.last().is_some_and(|(_, upper)| upper.y >= way.end.y + 9.0));
                    assert!(way.end.y == to.y + sizes[arrow.to].height);
                    assert!((to.x..=to.x + 120.0).contains(&way.end.x));
                },
                End::Memory(operator) => {
                    assert_eq!((way.end.x, way.end.y), (to.x + 120.0, to.y + sizes[arrow.to].operators[operator]));
                },
            }
        }
    }
}

#[test]
fn a_tree_has_upright_arrows_and_no_crossings() {
    // A chain that ends in a card with three inputs, whose order is kept.
    let arrows: Vec<Arrow> = [(0, 3, 2), (1, 3, 1), (2, 3, 0), (3, 4, 0), (4, 5, 0)]
        .map(|(from, to, input)| arrow(from, to, End::Input(input)))
        .into();
    let picture = Picture { title: Vec::new(), cards: vec![card(1); 6], arrows };
    let Layout { cards, .. } = layout(&sizes(&picture), &picture.arrows);
    assert!(cards[2].x < cards[1].x && cards[1].x < cards[0].x, "{cards:?}");
    assert!(cards[3..].iter().all(|card| (card.x - cards[1].x).abs() < 0.01), "{cards:?}");
}

#[test]
fn a_plan_with_hundreds_of_cards() {
    let picture = random(1, 400);
    let svg = picture.to_svg();
    assert_eq!(svg.matches("<g id=\"node").count(), 400);
    assert_eq!(svg.matches("<g id=\"edge").count(), picture.arrows.len());
    assert_eq!(svg, random(1, 400).to_svg(), "the same every time");
    assert_eq!(picture.to_dot(), random(1, 400).to_dot());
}

#[test]
fn nothing_at_all() {
    let picture = Picture::default();
    assert!(picture.to_svg().ends_with("</svg>\n"));
    assert!(picture.to_dot().starts_with("digraph"));
}

#[test]
fn long_text_loses_its_middle() {
    assert_eq!(text::cut("short", 5), "short");
    assert_eq!(text::cut("/data/tables/lineitem.parquet", 17), "/data/ta….parquet");
    assert_eq!(text::cut("a\nb\tc", 9), "a b c");
    assert_eq!(text::cut("abc", 1), "…");
    assert_eq!(text::cut("abc", 0), "…");
    assert_eq!((text::columns("aé表🦀"), text::cut("表表表表", 6)), (6, "表…表".to_string()));
}

#[test]
fn figures_that_do_not_fit_lose_their_end() {
    let figures = [40, 21, 20, 11, 10].map(|most| fit("15,000 rows, 420.0 kB", most, true));
    let expected = ["15,000 rows, 420.0 kB", "15,000 rows, 420.0 kB", "15,000 rows", "15,000 rows", "…"];
    assert_eq!(figures, expected);
    assert_eq!(fit("hash(first, second)", 14, false), "hash(fi…econd)");
}

/// Red, green and blue of `property` in the rules of `class`.
fn colour(style: &str, class: &str, property: &str) -> [f64; 3] {
    let rules = style.split(class).nth(1).and_then(|rest| rest.split('{').nth(1)).unwrap_or_default();
    let hex =
        rules.split('}').next().and_then(|rules| rules.split(&format!("{property}:#")).nth(1)).unwrap_or_default();
    [0, 2, 4].map(|at| u8::from_str_radix(hex.get(at..at + 2).unwrap_or_default(), 16).map_or(f64::NAN, f64::from))
}

/// The ratio of the Web Content Accessibility Guidelines, 1.4.3.
fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let linear = |part: f64| {
        let part = part / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    let luminance =
        |[red, green, blue]: [f64; 3]| 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn text_can_be_read_on_paper_and_on_shaded_cards() {
    let (light, dark) = STYLE.split_once("@media").unwrap_or_default();
    for style in [light, dark] {
        let (card, share) = (colour(style, ".card", "fill"), colour(style, ".share", "fill"));
        let shaded = [0, 1, 2].map(|part| card[part] * (1.0 - MOST_SHADE) + share[part] * MOST_SHADE);
        for text in [colour(style, "text", "fill"), colour(style, ".muted", "fill")] {
            for ground in [colour(style, ".paper", "fill"), card, shaded] {
                assert!(contrast(text, ground) >= 4.5, "{text:?} on {ground:?}: {}", contrast(text, ground));
            }
        }
    }
}

#[test]
fn text_stays_text() {
    assert_eq!(text::xml("a < b && \"c\" > 'd'"), "a &lt; b &amp;&amp; &quot;c&quot; &gt; 'd'");
    assert_eq!(text::xml("\u{1}\u{7f}\u{ffff}é\n"), "\u{fffd}\u{fffd}\u{fffd}é\n");
    assert_eq!(text::dot(["a \\ \"b\" &lt;", "\u{1}c"]), r#""a \\ \"b\" &amp;lt;\l c\l""#);
}

#[test]
fn what_does_not_fit_can_be_pointed_at() {
    let mut long = card(1);
    long.operators[0].fields = (0..20).map(|index| (format!("key{index}"), "x".repeat(60))).collect();
    let svg = Picture { title: Vec::new(), cards: vec![long], arrows: Vec::new() }.to_svg();
    let title = svg.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next()).unwrap_or_default();
    for index in 0..20 {
        assert!(title.contains(&format!("key{index}: {}", "x".repeat(60))), "{title}");
    }
    assert!(svg.contains("… 15 more"), "{svg}");
    assert!(!svg.replace(title, "").contains(&"x".repeat(50)));
}
