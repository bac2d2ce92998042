"""The import: reads YAML files into records and judges them. It never touches the database.

    reading.read(paths) -> records.Import                               raises faults.ImportRefused with every fault: file, path, value, reason
    plausibility.warnings_of(found) -> list[verdicts.CatalogWarning]    what is implausible: code, file, path, evidence
    plausibility.questions_of(found) -> list[verdicts.Question]         what only a person can answer

In the order of the way through: yaml_text (text into plain values, within limits), printed (forms for people's eyes into ours), schemas and
kinds (plain values into records), references (what must hold between records), standing (which prices are confirmed), plausibility.
"""
