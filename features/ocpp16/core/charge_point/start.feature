@ocpp16 @core @charge-point @start
Feature: A session is started at the charge point
  Cable and identification come in either order; energy flows only for somebody who may charge.

  Background:
    Given a charge point that is booted and idle

  @TC_003_CS
  Scenario: Cable first, then identification
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the driver presents the known tag at connector 1
    Then it asks about the known tag
    And it starts a transaction on connector 1 with the known tag
    And before or after that, it reports connector 1 as Charging

  @TC_004_1_CS
  Scenario: Identification first, then the cable
    When the driver presents the known tag at connector 1
    Then it asks about the known tag
    And before or after that, it reports connector 1 as Preparing
    When the driver plugs in at connector 1
    Then it starts a transaction on connector 1 with the known tag
    And before or after that, it reports connector 1 as Charging

  @TC_004_2_CS
  Scenario: Identification without a cable lapses
    Given the setting ConnectionTimeOut is 2
    When the driver presents the known tag at connector 1
    Then it asks about the known tag
    And before or after that, it reports connector 1 as Preparing
    And it sends no StartTransaction for 1 second
    And it reports connector 1 as Available, 2 seconds after it reported Preparing

  @TC_023_4_CS
  Scenario: An unknown tag starts nothing
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the driver presents the unknown tag at connector 1
    Then it asks about the unknown tag
    And it sends no StartTransaction for 1500 milliseconds

  Scenario Outline: A tag that the CSMS refuses as <status> starts nothing
    Given the CSMS answers every Authorize with <status>
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the driver presents the known tag at connector 1
    Then it asks about the known tag
    And it sends no StartTransaction for 1500 milliseconds

    Examples:
      | status       |
      | Blocked      |
      | Expired      |
      | Invalid      |
      | ConcurrentTx |

  Scenario: A fault is reported with its code
    When connector 1 fails with GroundFailure
    Then it reports connector 1 as Faulted with GroundFailure

  @TC_041_CS
  Scenario: No session starts while the connector is faulty
    When connector 1 fails with GroundFailure
    Then it reports connector 1 as Faulted
    And it may report any connector as Faulted
    When the driver plugs in at connector 1
    And the driver presents the known tag at connector 1
    Then it may ask about the known tag
    And it sends no StartTransaction for 1500 milliseconds

  @TC_007_1_CS
  Scenario: A tag in the cache starts a session without a question
    Given the setting AuthorizationCacheEnabled is true
    And the setting LocalPreAuthorize is true
    And the known tag is in the authorization cache
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the driver presents the known tag at connector 1
    Then it starts a transaction on connector 1 with the known tag
    And before or after that, it reports connector 1 as Charging
    And it has sent no Authorize since the driver plugged in

  @TC_061_1_CS
  Scenario: A tag is asked about again when the cache was cleared
    Given the setting AuthorizationCacheEnabled is true
    And the setting LocalPreAuthorize is true
    And the setting ConnectionTimeOut is 1
    And the known tag is in the authorization cache
    When the driver presents the known tag at connector 1
    Then it reports connector 1 as Preparing
    And it has sent no Authorize since the tag was presented
    And it reports connector 1 as Available
    When the CSMS clears the authorization cache
    Then it answers Accepted
    When the driver presents the known tag at connector 1
    Then it asks about the known tag
    And before or after that, it reports connector 1 as Preparing
    And it reports connector 1 as Available

  @TC_061_2_CS
  Scenario: A remote start asks again when the cache was cleared
    Given the setting AuthorizationCacheEnabled is true
    And the setting LocalPreAuthorize is true
    And the setting ConnectionTimeOut is 1
    And the setting AuthorizeRemoteTxRequests is true
    And the known tag is in the authorization cache
    When the CSMS starts a session remotely with the known tag on connector 1
    Then it answers Accepted
    And it reports connector 1 as Preparing
    And it has sent no Authorize since the remote start
    And it reports connector 1 as Available
    When the CSMS clears the authorization cache
    Then it answers Accepted
    When the CSMS starts a session remotely with the known tag on connector 1
    Then it answers Accepted
    And it asks about the known tag
    And before or after that, it reports connector 1 as Preparing
    And it reports connector 1 as Available
