"""Errors that users can put right, and how every error becomes one line and an exit code."""

from __future__ import annotations

import errno

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130  # exit codes of every command
_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space or name a folder on another disk",
    errno.EDQUOT: "your disk quota is used up; free some space or name a folder on another disk",
    errno.EROFS: "the file system is read-only; name a folder that can be written",
    errno.EACCES: "permission denied; change its permissions or name another one",
    errno.EPERM: "permission denied; change its permissions or name another one",
}


class UserError(Exception):
    """Something the user can put right; its text is all they see (exit code 2)."""


def file_advice(error: OSError) -> str | None:
    """Say what is wrong and the way out, if the error lies with the disk or its permissions; else None."""
    return _ADVICE.get(error.errno or 0)


def explained(error: BaseException) -> tuple[str, int]:
    """Turn an error into one line for the user and the exit code."""
    import rich_click as click  # worker processes need this module for UserError alone

    match error:
        case KeyboardInterrupt() | click.Abort():
            return "interrupted", INTERRUPTED
        case click.ClickException():
            context = getattr(error, "ctx", None)
            hint = f" See '{context.command_path} --help'." if context else ""
            return f"error: {_one_line(error.format_message())}{hint}", USAGE
        case UserError() | FileNotFoundError():
            return f"error: {_one_line(str(error))}", USAGE
        case OSError() if file_advice(error):
            return f"error: {error.filename or 'A file'}: {file_advice(error)}.", USAGE
        case _:
            text = _one_line(f"{type(error).__name__}: {error}")
            return f"error: {text} (run again with --debug for the traceback)", FAILED


def _one_line(text: str) -> str:
    return " ".join(text.split())
