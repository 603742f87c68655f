//! How an error is shown: on one line each, escaped, cut, with the caret under the fault.

use ropewalk::Error;
use ropewalk::endpoint::Endpoint;
use ropewalk::error::{ErrorKind, Operation};
use ropewalk::limits::ENDPOINT_SHOWN_COLUMNS;

use crate::refused;

#[test]
fn the_caret_of_an_empty_text_stands_where_one_would_begin() {
    let expected = [
        "the endpoint is empty",
        "  ",
        "  ^ write a port, such as `8080`",
        "  help: ropewalk help endpoints",
    ];
    assert_eq!(refused("").render(), expected.join("\n"));
}

#[test]
fn the_caret_stands_under_a_space_at_the_end() {
    let expected = [
        "a space around the endpoint",
        "  8080 ",
        "      ^ leave it out",
        "  help: ropewalk help endpoints",
    ];
    assert_eq!(refused("8080 ").render(), expected.join("\n"));
}

#[test]
fn a_terminal_gets_no_character_that_it_would_obey_or_hide() {
    for text in ["tcp:\x1b]0;x\x07:80", "tcp:80,\u{202e}=\u{200b}", "a\nb", "tcp:\u{9b}1m:80"] {
        let error = refused(text);
        let unseen = |c: char| c.is_control() || "\u{202e}\u{200b}".contains(c);
        for line in error.render().lines() {
            assert!(!line.contains(unseen), "{line:?}");
        }
        assert_eq!(error.render().lines().count(), 4, "{text:?}");
        assert!(!error.to_string().contains(unseen), "{error:?}");
        let sentence = Error::from(error).to_string();
        assert!(!sentence.contains(unseen), "{sentence:?}");
    }
}

#[test]
fn a_long_text_is_cut_around_its_fault() {
    let long = "p".repeat(90);
    for (text, fault) in [
        (format!("unix:/{long},mode=9,timeout=5s,backlog=1"), "9"),
        (format!("tcp:80,bakclog={long}"), "bakclog"),
        (format!("/{long},x{long}"), "xpppppppp"),
        (format!("tcp:{long}.{long}x:80"), "pppppp"),
        (format!("tcp:80,{}=1", "日".repeat(60)), "日日日"),
    ] {
        let error = refused(&text);
        let rendered = error.render();
        let lines: Vec<&str> = rendered.lines().collect();
        let width =
            |text: &str| -> usize { text.chars().map(|c| if c == '日' { 2 } else { 1 }).sum() };
        assert!(width(lines[1]) <= 2 + ENDPOINT_SHOWN_COLUMNS, "{rendered}");
        let caret = lines[2].find('^').expect("a caret");
        let at = lines[1].find(fault).unwrap_or_else(|| panic!("{fault} is not in\n{rendered}"));
        assert_eq!(width(&lines[1][..at]), caret, "{rendered}");
        let carets = lines[2].matches('^').count();
        assert!(caret + carets <= 2 + ENDPOINT_SHOWN_COLUMNS, "{rendered}");
    }
}

#[test]
fn a_text_as_wide_as_a_line_is_not_cut_and_one_wider_is() {
    let fits = format!("{},x", "/".repeat(ENDPOINT_SHOWN_COLUMNS - 2));
    assert!(refused(&fits).render().contains(&fits));
    let wider = format!("/{fits}");
    let rendered = refused(&wider).render();
    assert!(!rendered.contains(&wider) && rendered.contains("\n  …/"), "{rendered}");
}

#[test]
fn the_parts_of_an_error_are_what_is_rendered() {
    let error = refused("tcp:80,bakclog=512");
    assert_eq!(error.text(), "tcp:80,bakclog=512");
    assert_eq!(error.span(), 7..14);
    assert_eq!(error.cause(), "unknown option `bakclog` in endpoint");
    assert_eq!(error.label(), "did you mean `backlog`?");
    assert_eq!(error.help(), "ropewalk help endpoints");
    assert_eq!(error.to_string(), error.cause());
    assert_eq!(format!("{error:#}"), error.render());
    assert_eq!(format!("{error:?}"), error.render());
}

#[test]
fn it_becomes_an_error_of_the_library_with_its_address_and_remedy() {
    let error = Error::from(refused("tcp:80,bakclog=512"));
    assert_eq!(error.operation(), Operation::Parse);
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.address(), Some("tcp:80,bakclog=512"));
    let sentence = "cannot read tcp:80,bakclog=512: unknown option `bakclog` in endpoint; \
                    did you mean `backlog`?";
    assert_eq!(error.to_string(), sentence);
    let main = || -> ropewalk::Result<Endpoint> { Ok("tcp:70000".parse::<Endpoint>()?) };
    assert_eq!(main().unwrap_err().remedy(), Some("ropewalk help endpoints"));
}
