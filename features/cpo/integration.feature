@api
Feature: Wishes for a connection to somebody else's system

  Scenario: A wish is taken down
    When the organization sends POST /api/v1/integration-requests
      """
      {"integration_type": "roaming_hub", "partner_name": "A hub", "description": "All of the continent."}
      """
    Then the answer is 201
    And its JSON equals
      """
      {"id": "(an id)", "integration_type": "roaming_hub", "partner_name": "A hub", "description": "All of the continent.",
       "status": "submitted", "created_at": "(a time)"}
      """
    When a key that may only read sends GET /api/v1/integration-requests
    Then the answer is 200
    And its JSON contains
      """
      {"data": [{"partner_name": "A hub", "status": "submitted"}], "total": 1, "page": 1, "per_page": 50}
      """
    When another organization sends GET /api/v1/integration-requests
    Then its JSON contains
      """
      {"data": [], "total": 0}
      """

  Scenario Outline: A wish with a wrong <field> is refused
    When the organization sends POST /api/v1/integration-requests
      """
      {"integration_type": <type>, "partner_name": <name>}
      """
    Then the answer is 400
    And the error has the code validation_error and names the field <field>

    Examples:
      | field            | type    | name    |
      | integration_type | "magic" | "A hub" |
      | partner_name     | "emsp"  | ""      |

  Scenario: A list of requests from page zero is refused
    When the organization sends GET /api/v1/integration-requests?page=0
    Then the answer is 400
    And the error has the code validation_error and names the field page
