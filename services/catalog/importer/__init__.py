"""The import: reads YAML files into records and judges them. It never touches the database.

reading.read(paths) -> records.Import       raises reading.ImportRefused with every fault: file, path, value, reason
plausibility.warnings_of(import) -> list[Warning(code, path, evidence)]      what is implausible, by code
plausibility.questions_of(import) -> list[Question(paths, text)]             what only a person can answer

yaml_text  YAML into plain values, within limits     printed    forms printed for people into forms of ours
kinds      of value, with their limits   schemas    how records are written   names      compared
standing   which prices are confirmed                records    what is handed on: the shape of the catalog, one module per noun
"""
