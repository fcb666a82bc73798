"""Tables from records: of a run, of a paper, and as text, CSV, LaTeX, Markdown or HTML."""
