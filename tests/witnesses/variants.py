"""The forms of a witness: the right one, some that are wrong, and some that are right in another way."""

import argparse
import logging
import re


def name_of(form):
    """RefusesUnknownStops is `refuses-unknown-stops`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", form.__name__).lower()


class Forms:
    """The defects and liberties of one witness, by name, and what the judge has to make of each."""

    def __init__(self):
        self.defects, self.liberties = {}, {}

    def defect(self, tags, caught_by, in_ci=False, warned=False):
        """A system that is wrong.

        `tags` choose the scenarios to run. `caught_by` is the one of them that fails, or only warns where `warned` says
        so; None where the judge does not notice the defect yet. `.ci/run` tries those that are `in_ci`.
        """

        def keep(form):
            form.tags, form.caught_by, form.in_ci, form.warned = tags, caught_by, in_ci, warned
            self.defects[name_of(form)] = form
            return form

        return keep

    def liberty(self, in_ci=None, blamed=False, **capabilities):
        """A system that is right.

        `in_ci` are the tags of the scenarios that `.ci/run` tries it with; without them it does not. `blamed` says that
        the judge finds fault with it wrongly. `capabilities` are those that differ from `capabilities.yaml`.
        """

        def keep(form):
            form.in_ci, form.blamed, form.capabilities = in_ci, blamed, capabilities
            self.liberties[name_of(form)] = form
            return form

        return keep

    def chosen(self, right, *positional):
        """The form that the command line names, and its other arguments."""
        parser = argparse.ArgumentParser()
        parser.add_argument("--defect", choices=self.defects)
        parser.add_argument("--liberty", choices=self.liberties)
        parser.add_argument("--verbose", action="store_true")
        for name in positional:
            parser.add_argument(name)
        arguments = parser.parse_args()
        logging.basicConfig(level=logging.INFO if arguments.verbose else logging.CRITICAL)
        form = self.defects.get(arguments.defect) or self.liberties.get(arguments.liberty) or right
        return form, [getattr(arguments, name) for name in positional]


CSMS = Forms()
CHARGE_POINT = Forms()
