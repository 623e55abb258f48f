"""Alembic itself, asked by the tests: one question per line on stdin, one answer per line on stdout, both JSON.

A process for many questions, because starting Python and importing SQLAlchemy takes most of a second.
"""
import io
import json
import os
import sys
import traceback

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, pool


def script_of(question):
    """The project, with the configuration that the command line would read."""
    os.chdir(question.get("cwd", "/"))
    config = Config(question.get("ini", "alembic.ini"), question.get("toml", "pyproject.toml"), stdout=io.StringIO())
    return config, ScriptDirectory.from_config(config)


def pending(script, heads):
    """What `alembic upgrade heads` would run on a database with these heads, in its order."""
    newest_first = script.iterate_revisions("heads", tuple(heads), implicit_base=True)
    return [revision.revision for revision in newest_first][::-1]


def uncovered(script, revisions):
    """Without those that another one implies: what a database can hold."""
    below = {
        ancestor.revision
        for revision in revisions
        for ancestor in script.revision_map._get_ancestor_nodes([script.get_revision(revision)])
        if ancestor.revision != revision
    }
    return [revision for revision in revisions if revision not in below]


def graph(question):
    """The order of all revisions, and what is pending for each set of revisions that are there."""
    _, script = script_of(question)
    cases = []
    for revisions in question.get("sets", []):
        heads = uncovered(script, revisions)
        cases.append({"heads": heads, "pending": pending(script, heads)})
    return {"order": pending(script, []), "heads": list(script.get_heads()), "cases": cases}


def run(question):
    """Runs a command, and says what it printed and how the database stands."""
    os.environ["DATABASE_URL"] = question["url"]
    config, script = script_of(question)
    name, *arguments = question["command"]
    options = question.get("options", {})
    getattr(command, name)(config, *arguments, **options)
    with create_engine(question["engine"], poolclass=pool.NullPool).connect() as connection:
        context = MigrationContext.configure(connection, opts=question.get("context", {}))
        heads = list(context.get_current_heads())
    return {"said": config.stdout.getvalue(), "heads": heads, "pending": pending(script, heads)}


for line in sys.stdin:
    question = json.loads(line)
    try:
        answer = {"graph": graph, "run": run}[question["do"]](question)
    except BaseException as error:  # SystemExit too: the command line's way of failing
        traceback.print_exc()
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
