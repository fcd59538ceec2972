"""What the scripts of this folder share: a question is a function, and what came of it is printed as one line of JSON."""

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Callable, Mapping


class NoAnswer(Exception):
    """The peer was asked and has no answer: the text says what it has instead."""


def answers(questions: Mapping[str, Callable[[], str]]) -> None:
    """Ask each question, and print what was said or why nothing was."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    for name, ask in questions.items():
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                found = {"yes": True, "said": ask()}
        except NoAnswer as error:
            found = {"yes": False, "said": str(error)}
        except (Exception, SystemExit) as error:
            text = " ".join(str(error).split()) or "no text"
            found = {"yes": False, "said": f"{type(error).__name__}: {text}"[:160]}
        print(json.dumps({"question": name, **found}), flush=True)
