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
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    And it may report connector 1 as Finishing
    And it may report connector 1 as Available
    And it sends no StartTransaction for 1500 milliseconds

  Scenario: A tag may hold any character
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the driver presents the odd tag at connector 1
    Then it asks about the odd tag
    And it sends no StartTransaction for 1500 milliseconds

  @TC_023_4_CS
  Scenario: An unknown tag starts nothing
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the driver presents the unknown tag at connector 1
    Then it asks about the unknown tag
    And it sends no StartTransaction for 1500 milliseconds

  Scenario: A question that the CSMS cannot process lets nobody charge
    Given the setting AllowOfflineTxForUnknownId is false where there is one
    And the CSMS cannot process the next Authorize
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the driver presents the unknown tag at connector 1
    Then it asks about the unknown tag
    And it may ask about the unknown tag
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
    And it may report any connector as Faulted

  Scenario: The end of a fault is reported
    When connector 1 fails with GroundFailure
    Then it reports connector 1 as Faulted with GroundFailure
    And it may report any connector as Faulted
    When the fault of connector 1 is over
    Then it reports connector 1 as Available with NoError
    And it may report any connector as Available

  @TC_041_CS
  Scenario: No session starts while the connector is faulty
    When connector 1 fails with GroundFailure
    Then it reports connector 1 as Faulted
    And it may report any connector as Faulted
    When the driver plugs in at connector 1
    And the driver presents the known tag at connector 1
    Then it may ask about the known tag
    And it sends no StartTransaction for 1500 milliseconds

  @TC_007_1_CS @auth-cache
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

  @TC_061_1_CS @auth-cache
  Scenario: A tag is asked about again when the cache was cleared
    Given the setting AuthorizationCacheEnabled is true
    And the setting LocalPreAuthorize is true
    And the setting ConnectionTimeOut is 1
    And the known tag is in the authorization cache
    When the driver presents the known tag at connector 1
    Then it reports connector 1 as Preparing
    And it has sent no Authorize since the tag was presented
    And it reports connector 1 as Available
    When the CSMS sends ClearCache
    Then it answers Accepted
    When the driver presents the known tag at connector 1
    Then it asks about the known tag
    And before or after that, it reports connector 1 as Preparing
    And it reports connector 1 as Available

  @TC_061_2_CS @auth-cache
  Scenario: A remote start asks again when the cache was cleared
    Given the setting AuthorizationCacheEnabled is true
    And the setting LocalPreAuthorize is true
    And the setting ConnectionTimeOut is 1
    And the setting AuthorizeRemoteTxRequests is true
    And the known tag is in the authorization cache
    When the CSMS sends RemoteStartTransaction
      | idTag       | the known tag |
      | connectorId | 1             |
    Then it answers Accepted
    And it reports connector 1 as Preparing
    And it has sent no Authorize since the remote start
    And it reports connector 1 as Available
    When the CSMS sends ClearCache
    Then it answers Accepted
    When the CSMS sends RemoteStartTransaction
      | idTag       | the known tag |
      | connectorId | 1             |
    Then it answers Accepted
    And it asks about the known tag
    And before or after that, it reports connector 1 as Preparing
    And it reports connector 1 as Available

  Scenario Outline: The session of a tag that is refused when it starts is stopped
    Given the setting MaxEnergyOnInvalidId is 0 where there is one
    And the setting StopTransactionOnInvalidId is true
    And the CSMS answers the next StartTransaction with <status>
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the driver presents the known tag at connector 1
    Then it asks about the known tag
    And it starts a transaction on connector 1 with the known tag
    And it may report connector 1 as Charging
    And it stops the transaction because of DeAuthorized
    And before or after that, it reports connector 1 as Finishing

    Examples:
      | status       |
      | Blocked      |
      | ConcurrentTx |
      | Expired      |
      | Invalid      |

  Scenario: The session of a tag that is refused when it starts gets no energy
    Given the setting MaxEnergyOnInvalidId is 0 where there is one
    And the setting StopTransactionOnInvalidId is false
    And the setting ClockAlignedDataInterval is 0
    And the setting MeterValueSampleInterval is 1
    And the CSMS answers the next StartTransaction with Blocked
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the driver presents the known tag at connector 1
    Then it asks about the known tag
    And it starts a transaction on connector 1 with the known tag
    And it may report connector 1 as Charging
    And it reports connector 1 as SuspendedEVSE
    And the register of connector 1 does not rise for 3 seconds
    And it sends no StopTransaction for 1 second
    And connector 1 is not reported as Charging for 500 milliseconds

  @recommended @auth-cache
  Scenario: A tag that was refused at a start is asked about again
    Given the setting AuthorizationCacheEnabled is true
    And the setting LocalPreAuthorize is true
    And the setting StopTransactionOnInvalidId is true
    And the setting MaxEnergyOnInvalidId is 0 where there is one
    And the known tag is in the authorization cache
    And the CSMS answers the next StartTransaction with Blocked
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the driver presents the known tag at connector 1
    Then it starts a transaction on connector 1 with the known tag
    And it may report connector 1 as Charging
    And it stops the transaction because of DeAuthorized
    And before or after that, it reports connector 1 as Finishing
    When the driver unplugs at the car on connector 1
    Then it reports connector 1 as Available
    When the driver presents the known tag at connector 1
    Then it asks about the known tag
    And before or after that, it reports connector 1 as Preparing

  @auth-cache
  Scenario: A tag in the cache is asked about where the setting says so
    Given the setting AuthorizationCacheEnabled is true
    And the setting LocalPreAuthorize is false
    And the known tag is in the authorization cache
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the driver presents the known tag at connector 1
    Then it asks about the known tag
    And it starts a transaction on connector 1 with the known tag
    And before or after that, it reports connector 1 as Charging

  @auth-cache
  Scenario: A cache that is switched off knows nobody
    Given the setting AuthorizationCacheEnabled is true
    And the setting LocalPreAuthorize is true
    And the known tag is in the authorization cache
    And the setting AuthorizationCacheEnabled is false
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the driver presents the known tag at connector 1
    Then it asks about the known tag
    And it starts a transaction on connector 1 with the known tag
    And before or after that, it reports connector 1 as Charging

  Scenario: A refused tag does not end the line
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the driver presents the unknown tag at connector 1
    Then it asks about the unknown tag
    And it sends no StartTransaction for 1500 milliseconds
    And the line has stayed open since the tag was presented

  @recommended @auth-cache
  Scenario: A tag is asked about again when its time in the cache is over
    Given the setting AuthorizationCacheEnabled is true
    And the setting LocalPreAuthorize is true
    And the CSMS accepts the known tag for 8 seconds
    And the known tag is in the authorization cache
    When 9 seconds have gone by since the CSMS said so
    And the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the driver presents the known tag at connector 1
    Then it asks about the known tag
    And it starts a transaction on connector 1 with the known tag
    And before or after that, it reports connector 1 as Charging

  @recommended @auth-cache
  Scenario: A tag that was refused is asked about again
    Given the setting AuthorizationCacheEnabled is true
    And the setting LocalPreAuthorize is true
    And the CSMS answers the next Authorize with Blocked
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the driver presents the known tag at connector 1
    Then it asks about the known tag
    And it sends no StartTransaction for 1 second
    When the driver presents the known tag at connector 1
    Then it asks about the known tag
    And it starts a transaction on connector 1 with the known tag
    And before or after that, it reports connector 1 as Charging

  @recommended @auth-cache
  Scenario: The cache outlives a power cut
    Given the setting AuthorizationCacheEnabled is true
    And the setting LocalPreAuthorize is true
    And the known tag is in the authorization cache
    When the charge point is power cycled
    Then it boots
    And it reports connector 0 and every connector as Available
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the driver presents the known tag at connector 1
    Then it starts a transaction on connector 1 with the known tag
    And before or after that, it reports connector 1 as Charging
    And it has sent no Authorize since the tag was presented
