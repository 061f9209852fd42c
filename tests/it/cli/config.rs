//! Layers of configuration, and the commands that show them.

use crate::testkit::origin::Origin;
use crate::testkit::program::Desk;

/// The user's own file.
const OWN: &str = ".config/cachectl/config.toml";

#[test]
fn later_layers_win() {
    let (desk, origin) = (Desk::new(), Origin::fresh("x"));
    let url = origin.url("/");
    let used = |desk: &Desk, args: &[&str]| {
        let mut all = vec!["get", "-o", "/dev/null"];
        all.extend(args);
        all.push(&url);
        desk.ok(&all);
        ["default", "user.db", "project.db", "env.db", "flag.db"]
            .into_iter()
            .map(|name| if name == "default" { ".hishel_cache" } else { name })
            .filter(|name| desk.file(name).exists())
            .inspect(|name| {
                let path = desk.file(name);
                if path.is_dir() {
                    std::fs::remove_dir_all(path)
                } else {
                    std::fs::remove_file(path)
                }
                .expect("removed");
            })
            .map(ToOwned::to_owned)
            .collect::<Vec<String>>()
            .join(" ")
    };
    assert_eq!(used(&desk, &[]), ".hishel_cache");
    let user = format!("backend = \"sqlite:{}\"", desk.file("user.db").display());
    desk.write(OWN, user);
    assert_eq!(used(&desk, &[]), "user.db");
    desk.write(
        ".cachectl.toml",
        "backend = \"mine\"\n[backends.mine]\naddress = \"sqlite:project.db\"\n",
    );
    assert_eq!(used(&desk, &[]), "project.db");
    let desk = desk.env("CACHECTL_BACKEND", "sqlite:env.db");
    assert_eq!(used(&desk, &[]), "env.db");
    assert_eq!(used(&desk, &["--store", "sqlite:flag.db"]), "flag.db");
    assert_eq!(used(&desk, &["--no-config"]), "env.db");
}

#[test]
fn a_project_file_is_found_up_to_the_repository() {
    let desk = Desk::new();
    desk.write("repo/.git/HEAD", "x");
    desk.write("repo/.cachectl.toml", "backend = \"memory\"");
    desk.write("repo/a/b/c", "x");
    desk.write(".cachectl.toml", "backend = \"sqlite\"");
    let shown = |folder: &str| {
        let output = desk
            .command(&["config", "show"])
            .current_dir(desk.file(folder))
            .output()
            .expect("runs");
        String::from_utf8_lossy(&output.stdout).lines().next().expect("a line").to_owned()
    };
    assert!(shown("repo/a/b").ends_with("memory"));
    assert!(shown("repo").ends_with("memory"));
    assert!(shown(".").ends_with("sqlite"));
    desk.write("other/d/e", "x");
    assert!(
        shown("other/d").ends_with("file:.hishel_cache"),
        "outside of a repository only the folder itself"
    );
}

#[test]
fn named_stores_have_parameters_and_take_more() {
    let (desk, origin) = (Desk::new(), Origin::fresh("x"));
    desk.write(
        "conf.toml",
        "[backends.ci]\naddress = \"file:below?ttl=1h\"\nserializer = \"bincode\"\n[backends.file]\naddress = \"file:tuned\"\n",
    );
    let show = |backend: &str| {
        let text = desk.ok(&["config", "show", "--config", "conf.toml", "--backend", backend]);
        text.lines().next().expect("a line").replace(&desk.path().display().to_string(), "~")
    };
    assert!(show("ci").ends_with("file:below?serializer=bincode&ttl=1h"), "{}", show("ci"));
    assert!(show("ci?ttl=2h").ends_with("serializer=bincode&ttl=2h"));
    assert!(show("file").ends_with("file:tuned"));
    desk.ok(&["get", "--config", "conf.toml", "--backend", "ci", &origin.url("/")]);
    assert!(desk.file("below/cachectl.json").exists());
    let listed = desk.ok(&["list", "--config", "conf.toml", "--backend", "ci", "--json"]);
    assert!(listed.contains("\"serializer\":\"bincode\""), "{listed}");
    desk.run(&["get", "--config", "conf.toml", "--backend", "cii", "http://e.org/"])
        .failed(2, &["neither a kind of store nor a named store", "did you mean ci?"]);
}

#[test]
fn mistakes_in_a_file_name_their_line() {
    let desk = Desk::new();
    for (text, said) in [
        ("backend = \"file\"\nbakcend = 1\n", &["line 2", "bakcend", "backend"][..]),
        ("[http]\n\ntimeout = \"soon\"\n", &["line 3", "soon"]),
        ("[http]\nmax_body = 5\n", &["line 2", "text in quotes"]),
        ("[backends.x]\nttl = \"1h\"\n", &["line 1", "no address"]),
        ("backend = \n", &["line 1"]),
        ("[http]\ncacheable_status = \"20x\"\n", &["line 2", "20x"]),
    ] {
        desk.write("bad.toml", text);
        desk.run(&["config", "show", "--config", "bad.toml"]).failed(2, said);
    }
    desk.run(&["get", "--config", "absent.toml", "http://e.org/"]).failed(8, &["absent.toml"]);
    desk.write("where.toml", "backend = \"nope\"\n");
    desk.run(&["list", "--config", "where.toml"]).failed(2, &["where: where.toml line 1"]);
}

#[test]
fn settings_of_http_are_obeyed() {
    let desk = Desk::new();
    let origin = Origin::start(|seen| {
        let agent = seen.header("user-agent").unwrap_or("-").to_owned();
        crate::testkit::origin::response("200 OK", "Cache-Control: max-age=60", agent)
    });
    desk.write(OWN, "[http]\nmax_body = \"5\"\nheaders = { \"User-Agent\" = \"ci-warm\" }\n");
    let url = origin.url("/");
    assert_eq!(desk.ok(&["get", &url]), "ci-warm");
    assert_eq!(desk.verdict(&[&url]), "miss", "seven bytes are above the limit");
    assert_eq!(desk.ok(&["get", "-H", "User-Agent: me", &url]), "me");
    assert_eq!(desk.verdict(&[&url]), "hit", "two bytes are not");
    desk.write(".cachectl.toml", "[http]\npartition = \"alice\"\n");
    assert_eq!(desk.verdict(&[&url]), "miss", "another partition");
    assert_eq!(desk.verdict(&["--no-config", &url]), "hit");
}

#[test]
fn show_tells_origins_and_hides_secrets() {
    let desk = Desk::new()
        .env("HTTPS_PROXY", "http://me:hidden@proxy:3128")
        .env("CACHECTL_BACKEND", "memory:?capacity=5");
    desk.write(OWN, "[http]\nread_timeout = \"7s\"\nheaders = { \"X-Api-Key\" = \"hidden\" }\n");
    let text = desk.ok(&["config", "show", "--origin"]);
    assert!(!text.contains("hidden"), "{text}");
    for part in [
        "CACHECTL_BACKEND",
        "memory:?capacity=5",
        "http.read_timeout",
        "7s",
        "config.toml line 2",
        "the default",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&desk.ok(&["config", "show", "--json"])).expect("JSON");
    assert_eq!(json["http.read_timeout"], "7s");
}

#[test]
fn path_and_check() {
    let desk = Desk::new();
    desk.write(
        ".cachectl.toml",
        "[backends.good]\naddress = \"file:g\"\n[backends.bad]\naddress = \"sqlite:notes.txt\"\n",
    );
    desk.write("notes.txt", "this is no database, and it is longer than a database's header");
    let paths = desk.ok(&["config", "path"]);
    assert!(paths.contains("project   read") && paths.contains("user      not there"), "{paths}");
    assert_eq!(desk.run(&["config", "check"]).code, 0);
    let ran = desk.run(&["config", "check", "--connect"]);
    assert_eq!(ran.code, 1);
    let text = ran.text();
    assert!(text.contains("not there yet") && text.contains("not an SQLite database"), "{text}");
    assert!(!desk.file("g").exists(), "checking creates nothing");
    // The store that is in force comes first, whoever says which that is.
    let desk = Desk::new().env("CACHECTL_BACKEND", "sqlite:notes.txt");
    desk.write("notes.txt", "this is no database, and it is longer than a database's header");
    let ran = desk.run(&["config", "check", "--connect"]);
    assert_eq!(ran.code, 1, "{}", ran.text());
    assert!(ran.text().starts_with("sqlite:notes.txt\t"), "{}", ran.text());
    let said = ["config", "check", "--connect", "--backend", "file:absent"];
    assert_eq!(desk.run(&said).code, 0);
}
