"""One HTML file that shows what records say: tables, charts, pictures, and where every number comes from."""
