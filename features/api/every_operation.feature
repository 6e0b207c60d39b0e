@api
Feature: What holds for every operation of the REST API
  The operations are those of /openapi.json, so a new one is tried as soon as it is described.

  Scenario: Who shows no credentials is not let in
    Given a project of the installer
    And the organization sends GET /api/v1/projects
    When every operation that wants credentials is called without any
    Then each answer is 401 with the code unauthorized

  Scenario: Who shows a key that nobody made is not let in
    Given a project of the installer
    And the organization sends GET /api/v1/projects
    When every operation that wants credentials is called with a key that nobody made
    Then each answer is 401 with the code unauthorized

  Scenario: Credentials of another kind do not open it
    When every operation that wants credentials is called with those of another kind
    Then each answer is 403 with the code forbidden

  Scenario: A key that may only read changes nothing
    When every operation that changes something is called with a key that may only read
    Then each answer is 403 with the code forbidden

  Scenario: A body of another type is not read
    When every operation that takes a body is sent one of another content type
    Then each answer is 415 with the code unsupported_media_type

  Scenario: A body that is too large is not read
    When every operation that takes a body is sent one that is too large
    Then each answer is 413 with the code payload_too_large

  Scenario: JSON that breaks off is told
    When every operation that takes a body is sent one that breaks off
    Then each answer is 400 with the code validation_error

  Scenario: A list is no object
    When every operation that takes a body is sent a list
    Then each answer is 400 with the code validation_error

  Scenario: A body that may be left out may be null
    Given a charge point of the installer that is offline
    When the installer sends POST /api/v1/installer/charge-points/{charge point}/test-connection
      """
      null
      """
    Then the answer is 200

  Scenario: What nobody has is not found
    Given a charge point of the installer that is offline
    When every operation that can miss something is asked about what nobody has
    Then each answer is 404 with the code not_found

  Scenario: A path that leads nowhere
    When nobody sends GET /api/v1/nowhere
    Then the answer is 404
    And the error has the code not_found

  Scenario: A method that a path does not have
    When nobody sends DELETE /api/v1/installer/login
    Then the answer is 405
    And the error has the code method_not_allowed
    And the answer has the header Allow

  Scenario: A key is taken as a bearer too
    Given the next request has the header Authorization: Bearer {key}
    When nobody sends GET /api/v1/ocpp16/transactions
    Then the answer is 200

  Scenario: Every answer has an id of its own
    When every operation is called
    Then each answer has an X-Request-Id that no other has

  Scenario: A server without its database says so, and that it may pass
    Given a CSMS of its own
    When its database is taken away
    And every operation that needs the database is called
    Then each answer is 503 with the code unavailable
    And each answer has the header Retry-After
    When nobody sends GET /readyz
    Then the answer is 503
