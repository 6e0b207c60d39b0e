@api
Feature: What an organization sees of its projects, and who may charge there

  Background:
    Given a project of the installer

  Scenario: Its projects
    When the organization sends GET /api/v1/projects
    Then the answer is 200
    And its JSON contains
      """
      {"total": 1, "page": 1, "per_page": 20, "projects": [
        {"id": "{project}", "name": "Yard", "status": "in_progress", "features": {"billing": false, "smart_charging": false}}]}
      """

  Scenario: The charge points of a project
    Given a charge point of the installer that is offline
    When a key that may only read sends GET /api/v1/projects/{project}/charge-points
    Then the answer is 200
    And its JSON contains
      """
      {"total": 1, "charge_points": [{"charge_point_id": "{charge point}", "project_id": "{project}"}]}
      """

  Scenario: The transactions of a project
    Given a connected charge point of the installer
    And a session with the known tag runs on connector 1
    When the organization sends GET /api/v1/projects/{project}/transactions
    Then the answer is 200
    And its JSON contains
      """
      {"total": 1, "transactions": [{"transaction_id": {transaction}, "charge_point_id": "{charge point}"}]}
      """

  Scenario Outline: A page of <what> that is none is refused
    When the organization sends GET /api/v1/projects<path>?page=0
    Then the answer is 400
    And the error has the code validation_error and names the field page

    Examples:
      | what              | path                     |
      | projects          |                          |
      | charge points     | /{project}/charge-points |
      | transactions      | /{project}/transactions  |

  Scenario: A project is open to every good tag at first
    When the organization sends GET /api/v1/projects/{project}/access
    Then the answer is 200
    And its JSON equals
      """
      {"policy": "open", "id_tags": []}
      """

  Scenario: Only tags of the list charge where there is one
    Given a connected charge point of the installer
    When the organization sends PUT /api/v1/projects/{project}/access
      """
      {"policy": "list", "id_tags": ["SOMEBODY-ELSE"]}
      """
    Then the answer is 200
    When it asks about the known tag
    Then the CSMS answers that the tag is Invalid
    When the installer sends PUT /api/v1/projects/{project}/access
      """
      {"policy": "list", "id_tags": ["SOMEBODY-ELSE", "{tag}"]}
      """
    Then the answer is 200
    When it asks about the known tag
    Then the CSMS answers that the tag is Accepted

  Scenario Outline: An access list with a wrong <field> is refused
    When the organization sends PUT /api/v1/projects/{project}/access
      """
      {"policy": <policy>, "id_tags": <tags>}
      """
    Then the answer is 400
    And the error has the code validation_error and names the field <field>

    Examples:
      | field      | policy  | tags                      |
      | policy     | "maybe" | []                        |
      | id_tags[0] | "list"  | [""]                      |

  Scenario: The tariff of a project holds for its charge points
    When the installer sends GET /api/v1/projects/{project}/tariff
    Then the answer is 404
    When the installer sends PUT /api/v1/projects/{project}/tariff
      """
      {"currency": "GBP", "price_per_kwh": 0.35}
      """
    Then the answer is 200
    When a key that may only read sends GET /api/v1/projects/{project}/tariff
    Then the answer is 200
    And its JSON contains
      """
      {"project_id": "{project}", "tariff": {"currency": "GBP", "price_per_kwh": 0.35}}
      """
    When the organization sends PUT /api/v1/projects/{project}/tariff
      """
      {"currency": "GBP", "price_per_kwh": 0.4}
      """
    Then the answer is 200
    When the installer sends GET /api/v1/projects/{project}/tariff
    Then the answer is 200
    And its JSON contains
      """
      {"tariff": {"price_per_kwh": 0.4}}
      """

  Scenario: The tariff of a project is the business of its installer and its organization
    Given the installer sends PUT /api/v1/projects/{project}/tariff
      """
      {"currency": "GBP", "price_per_kwh": 0.35}
      """
    When another installer sends GET /api/v1/projects/{project}/tariff
    Then the answer is 404
    When an installer of another organization sends GET /api/v1/projects/{project}/tariff
    Then the answer is 404
    When another organization sends GET /api/v1/projects/{project}/tariff
    Then the answer is 404
    When a key that may only read sends PUT /api/v1/projects/{project}/tariff
      """
      {"currency": "GBP", "price_per_kwh": 0.01}
      """
    Then the answer is 403

  Scenario: A tariff of a project without a price is refused
    When the installer sends PUT /api/v1/projects/{project}/tariff
      """
      {"currency": "GBP"}
      """
    Then the answer is 400
    And the error has the code validation_error and names the field price_per_kwh

  Scenario: A project that was not handed over bills nothing
    Given the installer sends PUT /api/v1/projects/{project}/tariff
      """
      {"currency": "GBP", "price_per_kwh": 0.4}
      """
    And a connected charge point of the installer
    And a session with the known tag runs on connector 1
    When it stops the transaction because of Local
    Then the CSMS acknowledges the end of the transaction
    When the organization sends GET /api/v1/projects/{project}/transactions
    Then its JSON contains
      """
      {"transactions": [{"transaction_id": {transaction}, "energy_wh": 1250, "cost": null}]}
      """

  Scenario: A project that was handed over bills
    Given the installer sends PUT /api/v1/projects/{project}/tariff
      """
      {"currency": "GBP", "price_per_kwh": 0.4}
      """
    And the installer sends POST /api/v1/installer/projects/{project}/complete-handover
      """
      {"installer_signature": "Ada"}
      """
    And a connected charge point of the installer
    And a session with the known tag runs on connector 1
    When it stops the transaction because of Local
    Then the CSMS acknowledges the end of the transaction
    When the organization sends GET /api/v1/projects/{project}/transactions
    Then its JSON contains
      """
      {"transactions": [{"transaction_id": {transaction}, "energy_wh": 1250, "cost": 0.5, "currency": "GBP"}]}
      """

  Scenario: A transaction stays with the project that it was made in
    Given a connected charge point of the installer
    And a session with the known tag runs on connector 1
    When it stops the transaction because of Local
    Then the CSMS acknowledges the end of the transaction
    When the installer sends PUT /api/v1/installer/charge-points/{charge point}
      """
      {"project_id": null}
      """
    Then the answer is 200
    When the organization sends GET /api/v1/projects/{project}/charge-points
    Then its JSON contains
      """
      {"charge_points": [], "total": 0}
      """
    When the organization sends GET /api/v1/projects/{project}/transactions
    Then its JSON contains
      """
      {"total": 1, "transactions": [{"transaction_id": {transaction}, "energy_wh": 1250}]}
      """
