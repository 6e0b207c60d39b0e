"""The forms of a witness: the right one, some that are wrong, and some that are right in another way."""

import argparse
import logging
import re


def name_of(form):
    """RefusesUnknownStops is `refuses-unknown-stops`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", form.__name__).lower()


def kinds():
    """Two decorators, each with the forms it was put on in `forms`, by name."""

    def defect(tags, caught_by, in_ci=False):
        """The scenarios to run, the one of them that is meant to notice, and whether each run of `.ci/run` tries it."""

        def keep(form):
            form.tags, form.caught_by, form.in_ci = tags, caught_by, in_ci
            defect.forms[name_of(form)] = form
            return form

        return keep

    def liberty(form):
        liberty.forms[name_of(form)] = form
        return form

    defect.forms, liberty.forms = {}, {}
    return defect, liberty


def chosen(right, defect, liberty, *positional):
    """The form that the command line names, and its other arguments."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--defect", choices=defect.forms)
    parser.add_argument("--liberty", choices=liberty.forms)
    parser.add_argument("--verbose", action="store_true")
    for name in positional:
        parser.add_argument(name)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO if arguments.verbose else logging.CRITICAL)
    form = defect.forms.get(arguments.defect) or liberty.forms.get(arguments.liberty) or right
    return form, [getattr(arguments, name) for name in positional]
