"""Facts about imports from databases: what is asked is recorded, asked again by `update` alone, and shown without secrets."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dvx.errors import RemoteError, SchemaError, UsageError
from dvx.model.events import Event, Notice
from dvx.model.imports.database import Connection, Query, encode_query, query_of
from dvx.model.setup.settings import redact
from dvx.model.tracked.pointer import Recorded
from dvx.store.database import Database
from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write

TABLES = """
create table kinds (id integer primary key, whole integer, decimal real, words text, truth boolean, day date, moment datetime,
    price numeric(10, 2));
insert into kinds values (1, 1, 1.5, 'one', 1, '2024-01-02', '2024-01-02 03:04:05.000000', 1.25);
insert into kinds values (2, null, 1e20, 'zwei, "q" / é😀', 0, '2024-01-03', '2024-01-03 00:00:00.000000', 3);
insert into kinds values (3, 7, 0.1, null, null, null, null, null);
create table people (id integer, name text);
insert into people values (1, 'a'), (2, 'b');
create view names as select name from people;
create table nobody (id integer, name text);
"""


NO_DATABASE = "SQLite reads the beginning of a file, if it is as long as that of a database.\n" * 9


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database with values of all the usual kinds."""
    place = tmp_path / "some.db"
    execute(place, TABLES)
    return place


@pytest.fixture
def project(dialect_repo: Path, database: Path) -> Path:
    """A project that knows the database as `main`."""
    dvx(dialect_repo, "config", "db.main.url", f"sqlite:///{database}")
    return dialect_repo


def execute(place: Path, text: str) -> None:
    with closing(sqlite3.connect(place)) as connection:
        connection.executescript(text)
        connection.commit()


def pointer(folder: Path, name: str) -> str:
    return (folder / f"{name}{dialect_of(folder).pointer_suffix}").read_text()


# what DVC 3.67.1 wrote, with the same versions of SQLAlchemy and pandas
ANSWERS = {
    ("--table", "kinds"): (
        "id,whole,decimal,words,truth,day,moment,price\n"
        "1,1.0,1.5,one,True,2024-01-02,2024-01-02 03:04:05,1.25\n"
        '2,,1e+20,"zwei, ""q"" / é😀",False,2024-01-03,2024-01-03 00:00:00,3.0\n'
        "3,7.0,0.1,,,,,\n"
    ),
    ("--sql", "select * from kinds"): (
        "id,whole,decimal,words,truth,day,moment,price\n"
        "1,1.0,1.5,one,1.0,2024-01-02,2024-01-02 03:04:05.000000,1.25\n"
        '2,,1e+20,"zwei, ""q"" / é😀",0.0,2024-01-03,2024-01-03 00:00:00.000000,3.0\n'
        "3,7.0,0.1,,,,,\n"
    ),
    ("--table", "kinds", "--output-format", "json"): (
        '[{"id":1,"whole":1.0,"decimal":1.5,"words":"one","truth":true,"day":1704153600000,"moment":1704164645000,"price":1.25},'
        '{"id":2,"whole":null,"decimal":1e+20,"words":"zwei, \\"q\\" \\/ \\u00e9\\ud83d\\ude00","truth":false,'
        '"day":1704240000000,"moment":1704240000000,"price":3.0},'
        '{"id":3,"whole":7.0,"decimal":0.1,"words":null,"truth":null,"day":null,"moment":null,"price":null}]'
    ),
    ("--table", "names"): "name\na\nb\n",
    ("--table", "nobody"): "id,name\n",
    ("--table", "nobody", "--output-format", "json"): "[]",
    ("--sql", "select name from people where name like '%a%'"): "name\na\n",
}


def test_answers_are_written_as_dvc_writes_them(native: Path, database: Path) -> None:
    dvx(native, "config", "db.main.url", f"sqlite:///{database}")
    for number, (words, answer) in enumerate(ANSWERS.items()):
        dvx(native, "import-db", *words, "--conn", "main", "-o", f"answer{number}")
        assert (native / f"answer{number}").read_text() == answer


def test_a_pointer_is_the_one_of_dvc(dvc_like: Path, database: Path) -> None:
    dvx(dvc_like, "config", "db.main.url", f"sqlite:///{database}")
    said = dvx(dvc_like, "import-db", "--table", "people", "--conn", "Main").err
    assert said == "Imported 'people' -> 'people.csv'\nTo keep it in Git: git add .gitignore people.csv.dvc\n"
    assert pointer(dvc_like, "people.csv") == PEOPLE
    assert (dvc_like / ".gitignore").read_text() == "/people.csv\n"
    dvx(dvc_like, "import-db", "--sql", LONG, "--conn", "main", "--output-format", "json")
    assert pointer(dvc_like, "results.json") == RESULTS


PEOPLE = """\
md5: c47ec08e6348d7538c11ad405dd756fd
frozen: true
deps:
- db:
    connection: main
    file_format: csv
    table: people
outs:
- md5: dbe06609d9386e733cee4368e39b8171
  size: 16
  hash: md5
  path: people.csv
"""
LONG = "select name, id from people where id > 1 and name is not null and id < 100\norder by name -- by name, then nothing"
RESULTS = """\
md5: c9808ca18d68e13fef909f8ae04ade55
frozen: true
deps:
- db:
    connection: main
    file_format: json
    query: "select name, id from people where id > 1 and name is not null and id <
      100\\norder by name -- by name, then nothing"
outs:
- md5: c6fa2473065fc2b8b27724f1df9d4c7d
  size: 21
  hash: md5
  path: results.json
"""


def test_update_asks_again(project: Path, database: Path) -> None:
    dvx(project, "import-db", "--table", "people", "--conn", "main")
    commit_all(project)
    suffix = dialect_of(project).pointer_suffix
    same = dvx(project, "update", f"people.csv{suffix}").err
    assert same == f"note: asking the database `main`: people\n'people.csv{suffix}' didn't change, skipping\n"
    assert git(project, "status", "--porcelain") == ""
    execute(database, "insert into people values (3, 'c')")
    write(project / "people.csv", "mine\n")
    assert f"Updated 'people.csv{suffix}'\n" in dvx(project, "update", "people.csv").err
    assert (project / "people.csv").read_text() == "id,name\n1,a\n2,b\n3,c\n"
    assert "frozen: true\n" in pointer(project, "people.csv")
    dvx(project, "undo")
    assert (project / "people.csv").read_text() == "mine\n"
    dvx(project, "unfreeze", "people.csv")
    dvx(project, "update", "-R", ".")
    assert (project / "people.csv").read_text() == "id,name\n1,a\n2,b\n3,c\n"
    assert dvx(project, "status", "--json").out == "{}\n"


def test_what_update_cannot_do_is_refused(project: Path) -> None:
    dvx(project, "import-db", "--table", "people", "--conn", "main")
    before = pointer(project, "people.csv")
    assert (
        "is not known before it comes\nhint: leave `--no-download` out"
        in run_dvx(project, "update", "--no-download", "people.csv").err
    )
    assert "`--rev` is for other repositories" in run_dvx(project, "update", "--rev", "v1", "people.csv").err
    dvx(project, "config", "--unset", "db.main.url")
    refused = run_dvx(project, "update", "people.csv")
    assert refused.code == 1
    assert refused.err.endswith("error: there is no database connection `main`\nhint: run `dvx config db.main.url URL`\n")
    assert pointer(project, "people.csv") == before


def test_only_import_and_update_connect(project: Path, database: Path, tmp_path: Path) -> None:
    """The database is gone meanwhile: nobody misses it."""
    dvx(project, "remote", "add", "-d", "store", str(tmp_path / "store"))
    dvx(project, "import-db", "--table", "people", "--conn", "main")
    commit_all(project)
    database.unlink()
    dvx(project, "push")
    suffix = dialect_of(project).pointer_suffix
    (project / "people.csv").unlink()
    shutil.rmtree(project / dialect_of(project).folder / "cache")
    assert dvx(project, "status", "--json").out != "{}\n"
    dvx(project, "fetch")
    dvx(project, "pull")
    assert (project / "people.csv").read_text() == "id,name\n1,a\n2,b\n"
    dvx(project, "unfreeze", "people.csv")
    for words in (
        ["repro"],
        ["repro", f"people.csv{suffix}"],
        ["gc", "-w", "-f", "--grace", "0"],
        ["checkout"],
        ["fsck"],
        ["status"],
    ):
        run_dvx(project, *words)
    dvx(project, "freeze", "people.csv")
    assert "people.csv" in dvx(project, "stage", "list", "--all", "--json").out
    assert '"deps": {}' in dvx(project, "exp", "show", "--json").out.replace("\n", "")
    dvx(project, "move", "people.csv", "persons.csv")
    assert "    table: people\n" in pointer(project, "persons.csv")
    assert not database.exists()


def test_an_import_without_data_waits_for_update(project: Path, database: Path) -> None:
    """DVC writes such a pointer by `update --no-download`."""
    dialect = dialect_of(project)
    place = project / f"people.csv{dialect.pointer_suffix}"
    write(place, "deps:\n- db: {connection: main, table: people}\nouts:\n- path: people.csv\nfrozen: true\n")
    said = dvx(project, "pull").err
    assert f"`people.csv` comes from a database and has never been got; run `dvx update {place.name}`" in said
    assert not (project / "people.csv").exists()
    dvx(project, "update", place.name)
    assert (project / "people.csv").read_text() == "id,name\n1,a\n2,b\n"


def test_a_query_changes_nothing(project: Path, database: Path) -> None:
    for query in ("drop table people", "delete from people returning id", "create table new (id)", "update people set id = 7"):
        refused = run_dvx(project, "import-db", "--sql", query, "--conn", "main")
        assert refused.err == (
            f"error: the database `main` has no answer to `{query}`: attempt to write a readonly database\n"
            "hint: check the query\n"
        )
    dvx(project, "import-db", "--table", "people", "--conn", "main")
    assert (project / "people.csv").read_text() == "id,name\n1,a\n2,b\n"
    assert not (project / "results.csv").exists()


WRONG = {
    ("main",): "a table or an SQL query is needed, and not both\nhint: write `--table TABLE` or `--sql QUERY`\n",
    ("main", "--table", "a", "--sql", "b"): "a table or an SQL query is needed, and not both\n",
    ("main", "--table", "a", "--output-format", "xml"): "a result is written as csv or json, not `xml`\n",
    ("maim", "--table", "a"): "there is no database connection `maim`\nhint: did you mean `main`?\n",
    ("bare", "--table", "a"): "the database connection `bare` has no url\nhint: run `dvx config db.bare.url URL`\n",
    ("main", "--table", "nothing"): 'has no answer to `nothing`: near "nothing": syntax error\nhint: it is no table or view;',
    ("main", "--sql", "select 1 a, 2 a", "--output-format", "json"): "columns must be unique",
    ("main", "--sql", "select '%' +"): "incomplete input\nhint: check the query; some drivers want `%` as `%%`\n",
    ("gone", "--table", "a"): "gone.db`\nhint: check `dvx config db.gone.url`, user and password; a path behind `:///` is",
    ("other", "--sql", "select 1 from a"): "the database `other` has no answer to `select 1 from a`: file is not a database\n",
    ("far", "--table", "a"): "the driver for `mysql+mysqlconnector` is not installed\nhint: run `pip install 'mysql'`\n",
    ("odd", "--table", "a"): "SQLAlchemy knows no database `odd`\nhint: check the word before `://`, or install",
    ("user", "--table", "a"): "the database `user` cannot be opened: Invalid SQLite URL: *** Valid SQLite URL forms are",
    ("none", "--table", "a"): "the url of the database `none` cannot be read\nhint: it is like `postgresql://user@host/name` or",
    ("main", "--table", "people", "-o", "../x.csv"): "`../x.csv` is outside the repository\n",
}


def test_what_is_wrong_is_said(native: Path, database: Path) -> None:
    write(native / "text", NO_DATABASE)
    urls = {
        "main": f"sqlite:///{database}",
        "gone": "sqlite:///gone.db",
        "other": "sqlite:///text",
        "odd": "odd://x",
        "none": "x",
    }
    for name, url in {**urls, "far": "mysql+mysqlconnector://me@localhost/x", "user": f"sqlite:///{database}"}.items():
        dvx(native, "config", f"db.{name}.url", url)
    dvx(native, "config", "db.bare.username", "me")
    dvx(native, "config", "db.user.username", "me")
    for words, said in WRONG.items():
        refused = run_dvx(native, "import-db", "--conn", *words)
        assert refused.code in (1, 2), words
        assert said in refused.err, words
    assert {path.name for path in native.iterdir() if not path.name.startswith(".")} == {"text"}


def test_what_is_there_is_not_replaced(project: Path) -> None:
    write(project / "people.csv", "mine\n")
    assert "`people.csv` already exists" in run_dvx(project, "import-db", "--table", "people", "--conn", "main").err
    assert (project / "people.csv").read_text() == "mine\n"
    dvx(project, "import-db", "--table", "people", "--conn", "main", "--force")
    dvx(project, "import-db", "--table", "people", "--conn", "main", "--output-format", "-o", "again.csv")
    assert (project / "people.csv").read_text() == (project / "again.csv").read_text() == "id,name\n1,a\n2,b\n"


def test_a_connection_is_tested(project: Path, database: Path, tmp_path: Path) -> None:
    assert dvx(project, "test-db", "--conn", "main").err == f"The connection to sqlite:///{database} works.\n"
    write(tmp_path / "text", NO_DATABASE)
    refused = run_dvx(tmp_path, "test-db", "--url", "sqlite:///text")
    assert (refused.code, refused.err) == (
        1,
        "error: the database does not answer: file is not a database\nhint: check the URL\n",
    )
    assert (
        "the database `main` does not answer"
        in run_dvx(project, "test-db", "--conn", "main", "--url", f"sqlite:///{tmp_path}/text").err
    )
    assert "there is no connection to test\nhint: write `--conn NAME`" in run_dvx(tmp_path, "test-db").err
    assert "there is no database connection `x`" in run_dvx(project, "test-db", "--conn", "x", "--url", "sqlite://").err
    # a path is seen from where the user stands
    assert dvx(tmp_path, "test-db", "--url", "sqlite:///some.db").err.endswith("some.db works.\n")


def test_a_password_is_kept_and_shown_nowhere(project: Path) -> None:
    dvx(project, "config", "db.main.password", "canary1")
    dvx(project, "config", "db.other.url", "postgresql+nothing://me:canary2@localhost/x")
    dvx(project, "config", "db.third.url", "mssql+nothing:///?odbc_connect=PWD%3Dcanary3")
    private = (project / dialect_of(project).folder / "config.local").read_text()
    assert [f"canary{number}" in private for number in (1, 2, 3)] == [True, True, True]
    said = [dvx(project, "config", "--list"), run_dvx(project, "test-db", "--url", "x://me:canary4@[/y")]
    said += [run_dvx(project, "import-db", "--table", "people", "--conn", name, "-v") for name in ("main", "other", "third")]
    said += [run_dvx(project, "test-db", "--conn", "main", "--username", "me", "--password", "canary5")]
    commit_all(project)
    tracked = "".join((project / name).read_text() for name in git(project, "ls-files").split())
    assert 'db "main"' in tracked
    assert "canary" not in tracked + "".join(one.out + one.err for one in said)
    assert redact("mssql+pyodbc:///?odbc_connect=DRIVER%3Dx") == "mssql+pyodbc:///?odbc_connect=***"


def test_a_password_in_what_a_database_says_is_hidden(tmp_path: Path, database: Path) -> None:
    """A driver may quote what it was given. SQLite takes no password, but anything behind a question mark."""
    said: list[Event] = []
    connection = Connection("main", f"sqlite:///{database}?token=canary")
    with pytest.raises(RemoteError, match=r": no such column: \*\*\*$"), Database(connection, "/", said.append) as asked:
        asked.export(Query("main", "select 1 + canary"), str(tmp_path / "answer"))
    assert isinstance(said[0], Notice)
    assert said[0].message.startswith("the database `main`: Query string argument(s) 'token' are not accepted by the pysqlite")


def test_statements_are_shown_where_the_environment_asks_for_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{dialect_of(project).environment_prefix}_SQLALCHEMY_ECHO", "true")
    result = dvx(project, "import-db", "--sql", "select name from people", "--conn", "main")
    assert "note: select name from people\n" in result.err
    assert result.out == ""


@pytest.mark.parametrize(("missing", "command"), [("sqlalchemy", "test-db"), ("pandas", "import-db")])
def test_what_is_not_installed_is_named(project: Path, monkeypatch: pytest.MonkeyPatch, missing: str, command: str) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    words = ["--conn", "main", *(["--table", "people"] if command == "import-db" else [])]
    name = {"sqlalchemy": "SQLAlchemy"}.get(missing, missing)
    refused = run_dvx(project, command, *words)
    assert refused.err == f"error: databases need {name}, which is not installed\nhint: run `pip install 'dvx-vc[db]'`\n"


def test_a_query_is_one_thing_in_one_format() -> None:
    for values in (("c",), ("c", "a", "b"), ("c", "a", "", "xml")):
        with pytest.raises(UsageError):
            Query(*values)
    query = Query("c", table="t")
    assert encode_query(query) == {"db": {"connection": "c", "file_format": "csv", "table": "t"}}
    assert query_of(Recorded("", None, encode_query(query))) == query
    assert query_of(Recorded("", None, {"db": {"connection": "c", "query": "q", "file_format": "json"}})) == Query(
        "c", "q", "", "json"
    )
    assert query_of(Recorded("a", None)) is None
    for wrong in (
        {"connection": "c"},
        {"connection": "c", "query": 1},
        "text",
        {"connection": "c", "table": "t", "file_format": "x"},
    ):
        with pytest.raises(SchemaError):
            query_of(Recorded("", None, {"db": wrong}))
    assert repr(Connection("a", "x://u:p@h", "u", "p")) == "Connection('a')"
