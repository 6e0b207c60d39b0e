@cpo
Feature: Lists come in pages and in windows of time

  Background:
    Given P1 is registered
    And P1 sees at least 3 places with tariffs

  @OCPI-PAGE-01 @conformance
  Scenario Outline: Each page of <list> says how many objects there are and how many come at most
    When P1 sends GET {<list>}
    Then P1 is answered 200 with 1000
    And each of the answers has X-Total-Count and X-Limit, which are numbers
    When P1 sends GET {<list>}?date_from=2100-01-01T00:00:00Z
    Then P1 is answered 200 with 1000
    And X-Total-Count is 0 and the data is empty

    Examples:
      | list      |
      | locations |
      | tariffs   |
      | sessions  |
      | cdrs      |

  @OCPI-PAGE-02 @conformance
  Scenario Outline: A page of <list> links to the next one, and the last to none
    When P1 sends GET {<list>}?limit=1
    Then P1 is answered 200 with 1000
    And the answer links to a next page; a link that is not absolute only warns
    When P1 follows the link
    Then P1 is answered 200 with 1000
    When P1 reads the last object of {<list>} alone
    Then P1 is answered 200 with 1000
    And there is no link to a next page; an empty one only warns

    Examples:
      | list      |
      | locations |
      | tariffs   |

  @OCPI-PAGE-03 @conformance
  Scenario Outline: Pages of any size of <list> hold each object once and in one order
    Then P1 finds the same objects in the same order in {<list>}, whatever the limit, and X-Total-Count of them

    Examples:
      | list      |
      | locations |
      | tariffs   |

  @OCPI-PAGE-04 @conformance
  Scenario Outline: Links of <list> keep what was asked for
    Then in {<list>} as P1 sees it, links keep the window and the limit

    Examples:
      | list      |
      | locations |
      | tariffs   |

  @OCPI-PAGE-05 @conformance
  Scenario Outline: Nobody gets more of <list> at once than X-Limit says
    Then in {<list>} as P1 sees it, a limit above the cap is lowered to X-Limit

    Examples:
      | list      |
      | locations |
      | tariffs   |
      | sessions  |
      | cdrs      |

  @OCPI-PAGE-06 @recommended
  Scenario: What makes no sense in a query does no harm
    When P1 sends these requests
      | GET | {locations}?limit=0             |  |
      | GET | {locations}?limit=-1            |  |
      | GET | {locations}?limit=abc           |  |
      | GET | {locations}?offset=-1           |  |
      | GET | {locations}?offset=1e3          |  |
      | GET | {locations}?date_from=yesterday |  |
    Then each of the answers is 200 with 2001 or 200 with 1000; 400 only warns
    When P1 sends GET {locations}?date_from=2100-01-01T00:00:00Z&date_to=2000-01-01T00:00:00Z
    Then P1 is answered 200 with 2001 or 200 with 1000; 400 only warns
    And no object is in the data
    When P1 sends GET {locations}?foo=1
    Then P1 is answered 200 with 1000

  @OCPI-PAGE-07 @conformance
  Scenario Outline: Behind the end of <list> is an empty page
    When P1 reads {<list>} from behind its end, and from 1000 further
    Then each of the answers is 200 with 1000
    And X-Total-Count is {count} and the data is empty
    And there is no link to a next page; an empty one only warns

    Examples:
      | list      |
      | locations |
      | tariffs   |
      | sessions  |
      | cdrs      |

  @OCPI-PAGE-08 @conformance
  Scenario Outline: A window of <list> holds what was changed at its beginning
    Then in {<list>} as P1 sees it, date_from holds what was changed then, and one unit later it does not

    Examples:
      | list      |
      | locations |
      | tariffs   |

  @OCPI-PAGE-09 @conformance
  Scenario Outline: A window of <list> does not hold what was changed at its end
    Then in {<list>} as P1 sees it, date_to leaves out what was changed then, and one unit later it does not

    Examples:
      | list      |
      | locations |
      | tariffs   |

  @OCPI-PAGE-10 @conformance
  Scenario Outline: Windows of <list> that adjoin hold everything once
    Then in {<list>} as P1 sees it, adjoining windows hold everything once

    Examples:
      | list      |
      | locations |
      | tariffs   |

  @OCPI-PAGE-14 @compatibility
  Scenario: A slash at the end and encoded colons mean nothing
    When P1 sends these requests
      | GET | {tariffs}?limit=1  |  |
      | GET | {tariffs}/?limit=1 |  |
    Then each of the answers is 200 with 1000
    And the data of all answers is the same
    When P1 sends these requests
      | GET | {tariffs}                                    |  |
      | GET | {tariffs}/                                   |  |
      | GET | {tariffs}?date_from=2020-01-01T00:00:00Z     |  |
      | GET | {tariffs}?date_from=2020-01-01T00%3A00%3A00Z |  |
    Then each of the answers is 200 with 1000
    And the data of all answers is the same
