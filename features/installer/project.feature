@api
Feature: Installers begin projects

  Scenario: A project
    When the installer sends POST /api/v1/installer/projects
      """
      {"name": "Yard", "address": "1 Quay Lane", "site_owner_email": "owner@{unique}.example.com"}
      """
    Then the answer is 201
    And its JSON contains
      """
      {"id": "(an id)", "name": "Yard", "address": "1 Quay Lane", "status": "in_progress", "created_at": "(a time)"}
      """

  Scenario: An id of one's own is taken once
    Given the installer sends POST /api/v1/installer/projects
      """
      {"id": "prj_{unique}", "name": "Yard", "address": "1 Quay Lane"}
      """
    When the installer sends POST /api/v1/installer/projects
      """
      {"id": "prj_{unique}", "name": "Yard", "address": "1 Quay Lane"}
      """
    Then the answer is 409
    And the error has the code already_exists

  Scenario Outline: A project with a wrong <field> is refused
    When the installer sends POST /api/v1/installer/projects
      """
      {"id": <id>, "name": <name>, "address": <address>, "site_owner_email": <email>}
      """
    Then the answer is 400
    And the error has the code validation_error and names the field <field>

    Examples:
      | field            | id    | name   | address | email |
      | id               | "a b" | "Yard" | "Lane"  | null  |
      | name             | null  | ""     | "Lane"  | null  |
      | address          | null  | "Yard" | null    | null  |
      | site_owner_email | null  | "Yard" | "Lane"  | "me"  |
