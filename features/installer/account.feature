@api
Feature: Installers open an account and log in

  Scenario: A new installer
    When nobody sends POST /api/v1/installer/signup
      """
      {"name": "Ada", "email": "ada@{unique}.example.com", "password": "{password}", "company": "Ada & Co"}
      """
    Then the answer is 201
    And its JSON contains
      """
      {"id": "(an id)", "name": "Ada", "email": "ada@{unique}.example.com", "role": "installer",
       "company": "Ada & Co", "created_at": "(a time)", "password": "(nothing)"}
      """

  Scenario: An e-mail address has one account, however it is written
    Given nobody sends POST /api/v1/installer/signup
      """
      {"name": "Ada", "email": "ada@{unique}.example.com", "password": "{password}"}
      """
    When nobody sends POST /api/v1/installer/signup
      """
      {"name": "Ada again", "email": "ADA@{unique}.example.com", "password": "{password}"}
      """
    Then the answer is 409
    And the error has the code already_exists

  Scenario Outline: A sign-up with a wrong <field> is refused
    When nobody sends POST /api/v1/installer/signup
      """
      {"name": <name>, "email": <email>, "password": <password>}
      """
    Then the answer is 400
    And the error has the code validation_error and names the field <field>

    Examples:
      | field    | name    | email           | password    |
      | name     | ""      | "a@example.com" | "long3nough" |
      | name     | "   " | "a@example.com" | "long3nough" |
      | name     | 7       | "a@example.com" | "long3nough" |
      | email    | "Ada"   | "nobody"        | "long3nough" |
      | email    | "Ada"   | null            | "long3nough" |
      | password | "Ada"   | "a@example.com" | "short"     |

  Scenario: An organization that is not there has no installers
    When nobody sends POST /api/v1/installer/signup
      """
      {"name": "Ada", "email": "ada@{unique}.example.com", "password": "{password}",
       "organization_id": "org-that-is-not-there"}
      """
    Then the answer is 400
    And the error has the code validation_error and names the field organization_id

  Scenario: An organization that is not open takes no sign-ups
    When nobody sends POST /api/v1/installer/signup
      """
      {"name": "Ada", "email": "ada@{unique}.example.com", "password": "{password}",
       "organization_id": "{organization}"}
      """
    Then the answer is 403
    And the error has the code forbidden

  Scenario: The right password gives a token with an end
    Given nobody sends POST /api/v1/installer/signup
      """
      {"name": "Ada", "email": "ada@{unique}.example.com", "password": "{password}"}
      """
    When nobody sends POST /api/v1/installer/login
      """
      {"email": "Ada@{unique}.example.com", "password": "{password}"}
      """
    Then the answer is 200
    And its JSON contains
      """
      {"token": "(a text)", "expires_at": "(a time)", "role": "installer"}
      """

  Scenario: A wrong password gives none
    Given nobody sends POST /api/v1/installer/signup
      """
      {"name": "Ada", "email": "ada@{unique}.example.com", "password": "{password}"}
      """
    When nobody sends POST /api/v1/installer/login
      """
      {"email": "ada@{unique}.example.com", "password": "not-the-password"}
      """
    Then the answer is 401
    And the error has the code unauthorized

  Scenario: An address that nobody has gives the same answer
    When nobody sends POST /api/v1/installer/login
      """
      {"email": "stranger@{unique}.example.com", "password": "{password}"}
      """
    Then the answer is 401
    And the error has the code unauthorized

  Scenario: More sign-ups for one address than can be under way
    Given a CSMS of its own
    When nobody sends 40 times at once POST /api/v1/installer/signup
      """
      {"name": "Ada", "email": "ada@{unique}.example.com", "password": "{password}"}
      """
    Then exactly 1 of the answers is 201
    And at least one of the answers is 429
    And the error has the code rate_limited
    And the answer has the header Retry-After

  Scenario: A password is not guessed by trying
    Given a CSMS of its own
    And nobody sends POST /api/v1/installer/signup
      """
      {"name": "Ada", "email": "ada@{unique}.example.com", "password": "{password}"}
      """
    When nobody sends 10 times one after another POST /api/v1/installer/login
      """
      {"email": "ada@{unique}.example.com", "password": "not-the-password"}
      """
    Then exactly 10 of the answers are 401
    When nobody sends POST /api/v1/installer/login
      """
      {"email": "ada@{unique}.example.com", "password": "{password}"}
      """
    Then the answer is 429
    And the error has the code rate_limited
    And the answer has the header Retry-After

  Scenario: A token that was tampered with opens nothing
    Given the next request has the header Authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c3JfMSJ9.
    When nobody sends POST /api/v1/installer/projects
      """
      {"name": "Yard", "address": "1 Quay Lane"}
      """
    Then the answer is 401
