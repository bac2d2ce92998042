"""The limit of any Flask app: one view that answers nothing."""

from flask import Flask

app = Flask("empty")


@app.route("/")
def nothing() -> str:
    return ""
