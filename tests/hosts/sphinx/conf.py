project = "Course notes"
version = "1"
copyright = "nobody"
extensions = ["myst_parser", "explainer.embed.sphinx"]
explainer_defaults = {"significant": 5}
exclude_patterns = ["_build"]
latex_elements = {"fontpkg": ""}
myst_enable_extensions = ["colon_fence", "dollarmath"]
