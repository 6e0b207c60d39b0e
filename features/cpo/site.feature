@api
Feature: Sites, where charge points stand

  Background:
    Given the organization sends POST /api/v1/sites
      """
      {"name": "Car park", "address": "12 Riverside Way", "latitude": 51.4545, "longitude": -2.5879}
      """
    And its id is remembered as {site}

  Scenario: A site as it was made
    When the organization sends GET /api/v1/sites/{site}
    Then the answer is 200
    And its JSON equals
      """
      {"id": "{site}", "name": "Car park", "address": "12 Riverside Way", "latitude": 51.4545, "longitude": -2.5879,
       "created_at": "(a time)"}
      """

  Scenario: The sites of an organization, page by page
    When a key that may only read sends GET /api/v1/sites?page=1&per_page=1
    Then the answer is 200
    And its JSON contains
      """
      {"total": 1, "page": 1, "per_page": 1, "sites": [{"id": "{site}"}]}
      """

  Scenario: The second page goes on where the first ends
    Given the organization sends GET /api/v1/sites/{site}
    And the organization sends POST /api/v1/sites
      """
      {"name": "Back yard", "address": "13 Riverside Way"}
      """
    And its id is remembered as {yard}
    When the organization sends GET /api/v1/sites?page=1&per_page=1
    Then its JSON contains
      """
      {"total": 2, "page": 1, "sites": [{"id": "{site}"}]}
      """
    When the organization sends GET /api/v1/sites?page=2&per_page=1
    Then its JSON contains
      """
      {"total": 2, "page": 2, "sites": [{"id": "{yard}"}]}
      """

  Scenario: What is left out of a change of a site stays
    When the organization sends PUT /api/v1/sites/{site}
      """
      {"name": "The old car park"}
      """
    Then the answer is 200
    And its JSON contains
      """
      {"name": "The old car park", "address": "12 Riverside Way", "latitude": 51.4545}
      """
    When the organization sends GET /api/v1/sites/{site}
    Then its JSON contains
      """
      {"name": "The old car park", "address": "12 Riverside Way", "latitude": 51.4545}
      """

  Scenario Outline: A change of a site with a wrong <field> is refused
    When the organization sends PUT /api/v1/sites/{site}
      """
      {<body>}
      """
    Then the answer is 400
    And the error has the code validation_error and names the field <field>

    Examples:
      | field     | body                               |
      | name      | "name": ""                         |
      | latitude  | "latitude": -91, "longitude": 1    |
      | longitude | "latitude": 51                     |

  Scenario: A site without an address is refused
    When the organization sends POST /api/v1/sites
      """
      {"name": "Car park"}
      """
    Then the answer is 400
    And the error has the code validation_error and names the field address

  Scenario: A list of sites from page zero is refused
    When the organization sends GET /api/v1/sites?page=0
    Then the answer is 400
    And the error has the code validation_error and names the field page

  Scenario: An empty site can go
    When the organization sends DELETE /api/v1/sites/{site}
    Then the answer is 204
    When the organization sends GET /api/v1/sites/{site}
    Then the answer is 404

  Scenario: A site with a charge point stays
    Given the installer sends POST /api/v1/sites
      """
      {"name": "Back yard", "address": "13 Riverside Way"}
      """
    And its id is remembered as {yard}
    And the installer sends POST /api/v1/installer/charge-points
      """
      {"charge_point_id": "{charge point}", "model": "Terra", "vendor": "ABB", "serial_number": "SN-1",
       "site_id": "{yard}"}
      """
    When the organization sends DELETE /api/v1/sites/{yard}
    Then the answer is 409
    And the error has the code in_use
