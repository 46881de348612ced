//! Plans as pictures.

use std::collections::HashMap;

use quokka::prelude::*;

use crate::support::{context, numbers};

/// Every kind of arrow: exchanges, a build side in memory, and a shared plan that is read twice.
fn varied(context: &Context) -> DataStream {
    let rows = context.from_df(numbers());
    let totals = rows.group_by([col("key")]).agg([col("value").sum().alias("total")]);
    let most = totals.clone().select([col("total").max()]);
    totals.inner_join(most, col("total"), col("total")).sort(["key"], Default::default())
}

/// An element of a document.
#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: HashMap<String, String>,
    /// The text in it, without that of its elements.
    text: String,
    elements: Vec<Element>,
}

impl Element {
    fn each<'a>(&'a self, into: &mut Vec<&'a Element>) {
        into.push(self);
        self.elements.iter().for_each(|element| element.each(into));
    }

    fn id(&self) -> &str {
        self.attributes.get("id").map_or("", String::as_str)
    }
}

/// Reads a document of elements, attributes and text, and refuses any other.
fn parse_xml(document: &str) -> Element {
    let mut rest = document;
    let mut open = vec![Element::default()];
    while let Some(start) = rest.find('<') {
        open.last_mut().unwrap().text.push_str(&unescape(&rest[..start]));
        let end = rest.find('>').unwrap();
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let element = open.pop().unwrap();
            assert_eq!(element.name, name, "elements are nested");
            open.last_mut().unwrap().elements.push(element);
            continue;
        }
        let (tag, is_empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(name.chars().all(|letter| letter.is_ascii_alphabetic()), "`{name}` is the name of an element");
        let mut element = Element { name: name.into(), ..Element::default() };
        while !attributes.trim().is_empty() {
            let (key, value) = attributes.trim_start().split_once("=\"").unwrap();
            let (value, others) = value.split_once('"').unwrap();
            assert!(key.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-'), "{key}");
            assert!(element.attributes.insert(key.into(), unescape(value)).is_none(), "`{key}` is there twice");
            attributes = others;
        }
        if is_empty {
            open.last_mut().unwrap().elements.push(element);
        } else {
            open.push(element);
        }
    }
    assert_eq!((open.len(), rest.trim()), (1, ""), "every element ends");
    let mut whole = open.pop().unwrap();
    assert_eq!((whole.elements.len(), whole.text.trim()), (1, ""), "one element holds all");
    whole.elements.pop().unwrap()
}

fn unescape(text: &str) -> String {
    let legal = |letter: char| letter >= ' ' || letter == '\n' || letter == '\t';
    assert!(text.chars().all(|letter| legal(letter) && letter != '\u{fffe}' && letter != '\u{ffff}'), "{text:?}");
    let mut parts = text.split('&');
    let mut plain = parts.next().unwrap().to_string();
    for part in parts {
        let (name, rest) = part.split_once(';').unwrap();
        plain.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            other => panic!("entity `{other}`"),
        });
        plain.push_str(rest);
    }
    plain
}

/// The words, strings and signs of a text in the DOT language; strings start with a quote.
fn dot_tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let mut token = String::from(letter);
        match letter {
            '"' => loop {
                match letters.next().unwrap() {
                    '"' => break,
                    '\\' => token.extend(['\\', letters.next().unwrap()]),
                    inside => {
                        assert!(!inside.is_control(), "{token}");
                        token.push(inside);
                    },
                }
            },
            '-' => assert_eq!(letters.next().map(|next| token.push(next)).map(|()| token.as_str()), Some("->")),
            letter if letter.is_whitespace() => continue,
            letter if letter.is_alphanumeric() || letter == '.' => {
                while let Some(next) = letters.next_if(|next| next.is_alphanumeric() || *next == '.') {
                    token.push(next);
                }
            },
            '{' | '}' | '[' | ']' | ';' | ',' | '=' => {},
            other => panic!("sign `{other}`"),
        }
        tokens.push(token);
    }
    tokens
}

/// The attributes between brackets of each node and arrow, by `n0` or `n0 -> n1`.
fn parse_dot(text: &str) -> Vec<(String, HashMap<String, String>)> {
    let tokens = dot_tokens(text);
    let [graph, name, open, statements @ .., close] = tokens.as_slice() else { panic!("{text}") };
    assert_eq!([graph, name, open, close].map(String::as_str), ["digraph", "plan", "{", "}"]);
    let mut found = Vec::new();
    for statement in statements.split(|token| token == ";").filter(|statement| !statement.is_empty()) {
        let Some(bracket) = statement.iter().position(|token| token == "[") else {
            assert!(matches!(statement, [_, equals, _] if equals == "="), "{statement:?}");
            continue;
        };
        let (subject, [_, attributes @ .., end]) = statement.split_at(bracket) else { panic!("{statement:?}") };
        assert_eq!(end, "]");
        let mut pairs = HashMap::new();
        for attribute in attributes.split(|token| token == ",") {
            let [key, equals, value] = attribute else { panic!("{attribute:?}") };
            assert_eq!(equals, "=");
            pairs.insert(key.clone(), value.trim_start_matches('"').to_string());
        }
        if !matches!(subject, [word] if ["graph", "node", "edge"].contains(&word.as_str())) {
            found.push((subject.join(" "), pairs));
        }
    }
    found
}

/// The arrows of a plan, as `from -> to`: its edges, and what is handed over in memory.
fn expected_arrows(explained: &str) -> Vec<String> {
    let physical = explained.split("physical plan\n").nth(1).unwrap();
    let mut arrows = Vec::new();
    let index = |line: &str| line.split(':').next().unwrap().trim().parse::<usize>().unwrap();
    for line in physical.lines() {
        let inputs = line.split(" ← ").skip(1).map(|input| input.split(' ').next().unwrap().to_string());
        arrows.extend(inputs.map(|from| format!("n{from} -> n{}", index(line))));
    }
    let of = |part: &str| physical.lines().filter(|line| line.contains(part)).map(index).collect::<Vec<_>>();
    let (builds, probes) = (of("hash-join-build"), of("hash-join how"));
    let (kept, readers) = (of("materialize plan"), of("materialized plan"));
    assert_eq!((builds.len(), probes.len(), kept.len(), readers.len()), (1, 1, 1, 2), "{physical}");
    arrows.push(format!("n{} -> n{}", builds[0], probes[0]));
    arrows.extend(readers.iter().map(|reader| format!("n{} -> n{reader}", kept[0])));
    arrows.sort();
    arrows
}

#[test]
fn all_nodes_and_edges_are_in_the_graph() {
    let context = Context::builder().workers(2).batch_rows(7).build().unwrap();
    let stream = varied(&context);
    let (_, profile) = stream.profile().unwrap();
    for dot in [stream.to_dot().unwrap(), profile.to_dot()] {
        let (arrows, cards): (Vec<_>, Vec<_>) = parse_dot(&dot).into_iter().partition(|(name, _)| name.contains("->"));
        let nodes = &profile.report().nodes;
        assert_eq!(cards.len(), nodes.len());
        for (index, (node, (name, attributes))) in nodes.iter().zip(&cards).enumerate() {
            assert_eq!(*name, format!("n{index}"));
            let label = &attributes["label"];
            assert!(node.operators.iter().all(|operator| label.contains(&operator.name)), "{label}");
        }
        let mut names: Vec<String> = arrows.iter().map(|(name, _)| name.clone()).collect();
        names.sort();
        assert_eq!(names, expected_arrows(&stream.explain().unwrap()));
        let dashed =
            arrows.iter().filter(|(_, attributes)| attributes.get("style").is_some_and(|style| style == "dashed"));
        let ends = ["→ hash-join", "→ materialized"];
        assert!(dashed.clone().all(|(_, of)| ends.iter().any(|end| of["label"].contains(end))), "{dot}");
        assert_eq!(dashed.count(), 3);
        assert!(arrows.iter().any(|(_, attributes)| attributes["label"].contains("hash(")), "{dot}");
    }
}

#[test]
fn all_nodes_and_edges_are_in_the_document() {
    let context = Context::builder().workers(2).build().unwrap();
    let stream = varied(&context);
    let (_, profile) = stream.profile().unwrap();
    for svg in [stream.to_svg().unwrap(), profile.to_svg()] {
        let document = parse_xml(&svg);
        assert_eq!(
            (document.name.as_str(), document.attributes["xmlns"].as_str()),
            ("svg", "http://www.w3.org/2000/svg")
        );
        let mut elements = Vec::new();
        document.each(&mut elements);
        for (index, node) in profile.report().nodes.iter().enumerate() {
            let id = format!("node{index}");
            let card = elements.iter().find(|element| element.id() == id).unwrap();
            let titles = card.elements.iter().filter_map(|part| part.elements.first());
            // The last operator is at the top.
            let titles: Vec<&str> = titles.map(|title| title.text.as_str()).collect();
            assert_eq!(titles.len(), node.operators.len());
            for (title, operator) in titles.iter().zip(node.operators.iter().rev()) {
                assert!(title.starts_with(&operator.name), "{title}");
            }
        }
        let arrows = elements.iter().filter_map(|element| element.id().strip_prefix("edge"));
        let arrow = |id: &str| id.split('-').take(2).map(|node| format!("n{node}")).collect::<Vec<_>>().join(" -> ");
        let mut arrows: Vec<String> = arrows.map(arrow).collect();
        arrows.sort();
        assert_eq!(arrows, expected_arrows(&stream.explain().unwrap()));
        let style = elements.iter().find(|element| element.name == "style").unwrap();
        assert!(style.text.contains("prefers-color-scheme:dark"));
    }
}

#[test]
fn figures_stand_beside_what_was_measured() {
    let context = Context::builder().workers(1).build().unwrap();
    let rows = context.from_df(numbers()).filter(col("id").lt(lit(100)));
    let grouped = rows.group_by([col("key")]).agg([len().alias("rows")]);
    let (_, profile) = grouped.profile().unwrap();
    let dot = profile.to_dot();
    let found: HashMap<_, _> = parse_dot(&dot).into_iter().collect();
    let label = &found["n0"]["label"];
    assert!(label.contains("100 rows ≈100") && label.contains("100 → 14 rows"), "{label}");
    assert!(found["n0 -> n1"]["label"].contains("14 rows, "), "{dot}");
    let planned: HashMap<_, _> = parse_dot(&grouped.to_dot().unwrap()).into_iter().collect();
    assert!(planned["n0"]["label"].contains("≈100 rows"), "{planned:?}");
    assert!(planned["n1"]["label"].contains("final-aggregate #1  blocks"), "{planned:?}");
    assert!(planned.values().all(|attributes| !attributes["label"].contains(" ms")), "{planned:?}");
}

#[test]
fn names_may_be_anything() {
    let strange = "<a & \"b\" \\l 'c'> \u{1}\n表 &lt; ]]> -->";
    let rows = context().from_df(df!(strange => [1, 2, 3]).unwrap());
    let stream = rows.filter(col(strange).gt(lit(1))).group_by([col(strange)]).agg([len().alias("rows")]);
    let document = parse_xml(&stream.to_svg().unwrap());
    let mut elements = Vec::new();
    document.each(&mut elements);
    let found = |part: &str| elements.iter().any(|element| element.name == "title" && element.text.contains(part));
    assert!(found("<a & \"b\" \\l 'c'> \u{fffd}\n表 &lt; ]]> -->"), "{:?}", stream.to_svg());
    let dot = stream.to_dot().unwrap();
    assert!(parse_dot(&dot).iter().any(|(_, attributes)| attributes["tooltip"].contains("&amp;lt;")), "{dot}");
}

#[test]
fn the_same_plan_gives_the_same_picture() {
    let context = Context::builder().workers(2).build().unwrap();
    assert_eq!(varied(&context).to_svg().unwrap(), varied(&context).to_svg().unwrap());
    assert_eq!(varied(&context).to_dot().unwrap(), varied(&context).to_dot().unwrap());
    let error = varied(&context).select([col("nothing")]).to_svg().unwrap_err();
    assert!(error.to_string().contains("nothing"), "{error}");
}
